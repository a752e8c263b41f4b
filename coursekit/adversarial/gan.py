"""The generative adversarial network: two players, one value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import SGD, Optimizer

from coursekit.training.model import Adversarial, adam


class GAN(Adversarial):
    r"""A generator g trained against a discriminator D, which says how likely its input is to be real.

    .. math:: \min_g \max_D V(D, g) = \mathbb{E}_{x \sim p} \log D(x)
              + \mathbb{E}_{z} \log\big(1 - D(g(z))\big), \qquad z \sim \mathcal{N}(0, I)

    ``generator`` maps z, (B, L), to x; ``discriminator`` maps x to the logit of D, (B,), so that D = sigmoid(logit).
    The discriminator minimises -V. The generator minimises V (``game="minimax"``) or -E log D(g(z)), which has the same
    fixed point and a gradient where D is sure (``"non-saturating"``). It takes one step after every
    ``discriminator_steps`` of the discriminator, each on a batch of its own.

    Source: Goodfellow et al. (2014), equation 1 and algorithm 1; Adam's settings: Radford, Metz and Chintala (2016).
    """

    learning_rate = 2e-4
    batches: Tensor

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_size: int,
        *,
        game: Literal["non-saturating", "minimax"] = "non-saturating",
        discriminator_steps: int = 1,
        optimizer: Literal["adam", "sgd"] = "adam",
        covering: float = 0.0,
    ) -> None:
        """``covering`` weighs `distance_to_nearest` in the generator's loss, "sgd" has momentum 0.5.

        Raises
        ------
        ValueError
            If ``game`` or ``optimizer`` is unknown or ``discriminator_steps`` is below one.
        """
        super().__init__()
        if game not in ("non-saturating", "minimax"):
            raise ValueError(f"GAN: game must be 'non-saturating' or 'minimax', was {game!r}")
        if optimizer not in ("adam", "sgd"):
            raise ValueError(f"GAN: optimizer must be 'adam' or 'sgd', was {optimizer!r}")
        if discriminator_steps < 1:
            raise ValueError(f"GAN: discriminator_steps must be at least 1, was {discriminator_steps}")
        self.generator, self.discriminator = generator, discriminator
        self.latent_size = latent_size
        self.game = game
        self.discriminator_steps = discriminator_steps
        self.optimizer = optimizer
        self.covering = covering
        self.register_buffer("batches", torch.tensor(0))  # seen so far, so that a resumed run keeps its turn

    def draw(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` latent vectors from the standard normal prior, shape (n, L)."""
        return torch.randn(n, self.latent_size, generator=generator).to(self.device)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` generated examples, shape (n, *event)."""
        return self.generator(self.draw(n, generator=generator))

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """-V on one batch, in nats: -E log D(x) - E log(1 - D(g(z)))."""
        # log D = -softplus(-logit) and log(1 - D) = -softplus(logit): no sigmoid, so no logarithm of zero
        return softplus(-self.discriminator(real)).mean() + softplus(self.discriminator(fake)).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """E log(1 - D(g(z))) in the minimax game, -E log D(g(z)) in the non-saturating one; in nats."""
        logit = self.discriminator(fake)  # (B,)
        return -softplus(logit).mean() if self.game == "minimax" else softplus(-logit).mean()

    def configure_optimizers(self) -> dict[str, Optimizer]:
        """One optimiser a player."""
        players = {"discriminator": self.discriminator, "generator": self.generator}
        if self.optimizer == "sgd":
            return {name: SGD(p.parameters(), lr=self.learning_rate, momentum=0.5) for name, p in players.items()}
        return {name: adam(p.parameters(), self.learning_rate, betas=(0.5, 0.999)) for name, p in players.items()}

    def training_step(self, batch: Tensor, optimizers: Mapping[str, Any]) -> dict[str, Tensor]:
        """One step of the discriminator and, when it is its turn, one of the generator, on the same fakes."""
        self.batches += 1
        turn = self.batches.item() % self.discriminator_steps == 0
        with torch.set_grad_enabled(turn):
            fake = self.generator(self.draw(len(batch)))  # (B, *event), computed once for both players
        discriminator_loss = self.discriminator_loss(batch, fake.detach())
        optimizers["discriminator"].minimise(discriminator_loss)
        record = {"discriminator": discriminator_loss.detach()}
        if turn:
            # The discriminator's weights are constants here: a third of the backward pass less, and no stray gradients.
            self.discriminator.requires_grad_(False)
            generator_loss = self.generator_loss(fake)
            if self.covering:
                generator_loss = generator_loss + self.covering * distance_to_nearest(batch, fake)
            optimizers["generator"].minimise(generator_loss)
            self.discriminator.requires_grad_(True)
            record["generator"] = generator_loss.detach()
        return record


def distance_to_nearest(real: Tensor, fake: Tensor) -> Tensor:
    """Mean squared distance from each real example to the nearest generated one of the batch, a scalar.

    An L2 term toward the data: a mode without generated examples costs, so that the generator is drawn to it.

    Source: Li and Malik (2018), "Implicit maximum likelihood estimation", here within a batch.
    """
    distance = torch.cdist(real.flatten(1), fake.flatten(1))  # (B, B')
    nearest = fake[distance.argmin(dim=1)]  # (B, *event)
    return (real - nearest).square().flatten(1).sum(dim=1).mean()

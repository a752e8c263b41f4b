"""Live figure: four ways to learn one density in the plane, and what each can say about it.

The models are as small as they can be; each shows the one idea of its strand. The fourth, a variational autoencoder,
is the package's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import traitlets
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.nn.functional import softplus
from torch.optim import Optimizer

from coursekit.autoencoders import VAE, GaussianLikelihood
from coursekit.distributions.planar import PlanarMixture
from coursekit.figures.base import NetworkFigure
from coursekit.training.model import Adversarial, ExplicitDensity, adam

_STRANDS = ("flow", "autoregressive", "vae", "gan")


class PlanarFlow(ExplicitDensity):
    r"""Normalizing flow of points: affine coupling layers that change one coordinate, given the other.

    .. math:: \log p(x) = \log p(z) + \log \left| \det \frac{\partial z}{\partial x} \right|

    Source: Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP".
    """

    learning_rate = 3e-3

    def __init__(self, layers: int = 8, hidden: int = 32) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_network(1, hidden, 2) for _ in range(layers))

    @staticmethod
    def _affine(network: nn.Module, given: Tensor) -> tuple[Tensor, Tensor]:
        """Shift and log-scale of the other coordinate, (B,) each; the scale stays between exp(-2) and exp(2)."""
        shift, raw = network(given.unsqueeze(-1)).unbind(-1)  # (B,), (B,)
        return shift, 2 * raw.tanh()

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, shape (B,), for points of shape (B, 2): go back to z, and count the stretching."""
        given, other = x.unbind(-1)  # (B,), (B,)
        log_det = torch.zeros_like(given)  # (B,)
        for network in reversed(self.layers):
            shift, log_scale = self._affine(network, given)
            other = (other - shift) * (-log_scale).exp()
            log_det = log_det - log_scale
            given, other = other, given
        return _log_normal(given) + _log_normal(other) + log_det

    def forward(self, z: Tensor) -> Tensor:
        """x for noise z, shape (B, 2): the same layers the other way round."""
        given, other = z.unbind(-1)  # (B,), (B,)
        for network in self.layers:
            given, other = other, given
            shift, log_scale = self._affine(network, given)
            other = other * log_scale.exp() + shift
        return torch.stack([given, other], dim=-1)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` points, shape (n, 2)."""
        return self(torch.randn(n, 2, generator=generator))


class PlanarAutoregressive(ExplicitDensity):
    r"""Autoregressive model of points: one coordinate first, then the other given the first.

    .. math:: \log p(x) = \log p(x_1) + \log p(x_2 \mid x_1)

    Each conditional is a mixture of ``parts`` Gaussians; a network computes the parameters of the second.

    Source: Bishop (1994), "Mixture density networks".
    """

    learning_rate = 1e-2

    def __init__(self, parts: int = 8, hidden: int = 32) -> None:
        super().__init__()
        centres = torch.cat([torch.zeros(parts), torch.linspace(-2, 2, parts), torch.full((parts,), -1.0)])
        self.first = nn.Parameter(centres.clone())  # (3 * parts,)
        self.second = _network(1, hidden, 3 * parts)
        self.second[-1].bias = nn.Parameter(centres.clone())

    @staticmethod
    def _mixture(output: Tensor) -> MixtureSameFamily:
        """A mixture from its logits, means and raw scales, (..., 3 * parts)."""
        logits, means, scales = output.chunk(3, dim=-1)  # (..., parts) each
        return MixtureSameFamily(Categorical(logits=logits), Normal(means, 0.02 + softplus(scales)))

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, shape (B,), for points of shape (B, 2)."""
        given = self._mixture(self.second(x[:, :1]))  # batch (B,)
        return self._mixture(self.first).log_prob(x[:, 0]) + given.log_prob(x[:, 1])

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` points, shape (n, 2): the first coordinate, then the second given it."""
        x_1 = self._draw(self._mixture(self.first.expand(n, -1)), generator)  # (n,)
        x_2 = self._draw(self._mixture(self.second(x_1.unsqueeze(-1))), generator)  # (n,)
        return torch.stack([x_1, x_2], dim=-1)

    @staticmethod
    def _draw(mixture: MixtureSameFamily, generator: torch.Generator | None) -> Tensor:
        """One number of each mixture, (n,): a part, then a Gaussian draw from it."""
        parts = mixture.component_distribution
        k = torch.multinomial(mixture.mixture_distribution.probs, 1, generator=generator)  # (n, 1)
        mean, scale = parts.mean.gather(-1, k).squeeze(-1), parts.stddev.gather(-1, k).squeeze(-1)  # (n,), (n,)
        return mean + scale * torch.randn(len(k), generator=generator)


def planar_vae(hidden: int = 32) -> VAE:
    """A variational autoencoder of points with two latent variables and a Gaussian decoder of learnt width."""
    vae = VAE(2, _deeper(2, hidden, 4), _deeper(2, hidden, 2), GaussianLikelihood())
    vae.learning_rate = 3e-3
    return vae


class PlanarGAN(Adversarial):
    r"""Adversarial model of points: a generator and the discriminator that it tries to fool, ReLU networks both.

    The generator minimises :math:`-\log D(G(z))`.

    Source: Goodfellow et al. (2014).
    """

    def __init__(self, hidden: int = 48) -> None:
        super().__init__()
        self.generator = _deeper(2, hidden, 2)
        self.discriminator = _deeper(2, hidden, 1)

    def configure_optimizers(self) -> dict[str, Optimizer]:
        """One optimiser for each player, with little momentum."""
        players = {"discriminator": self.discriminator, "generator": self.generator}
        return {name: adam(player.parameters(), 2e-3, betas=(0.5, 0.999)) for name, player in players.items()}

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """-log D(real) - log(1 - D(fake)), the mean of each."""
        return softplus(-self.discriminator(real)).mean() + softplus(self.discriminator(fake)).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-log D(fake), the mean."""
        return softplus(-self.discriminator(fake)).mean()

    def training_step(self, batch: Tensor, optimizers: Mapping[str, Any]) -> dict[str, Tensor]:
        """A step of the discriminator, then one of the generator."""
        with torch.no_grad():
            fake = self.generator(torch.randn_like(batch))
        discriminator_loss = self.discriminator_loss(batch, fake)
        optimizers["discriminator"].minimise(discriminator_loss)
        generator_loss = self.generator_loss(self.generator(torch.randn_like(batch)))
        optimizers["generator"].minimise(generator_loss)
        return {"discriminator": discriminator_loss.detach(), "generator": generator_loss.detach()}

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` points, shape (n, 2)."""
        return self.generator(torch.randn(n, 2, generator=generator))


def _network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two linear layers with tanh between them."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs))


def _deeper(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Three linear layers with ReLU between them."""
    first, second = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(hidden, outputs))


def _log_normal(x: Tensor) -> Tensor:
    """The log density of the standard normal at each number, in nats."""
    return -0.5 * (x.square() + math.log(2 * math.pi))


class FourStrands(NetworkFigure):
    """One density in the plane, learnt in four ways: draw samples, and ask for the density at a point.

    Args:
        learnt: for each data set's name its true density and the models that learnt it, by strand: a `PlanarFlow`
            as ``"flow"``, a `PlanarAutoregressive` as ``"autoregressive"``, a `planar_vae` as ``"vae"``, a
            `PlanarGAN` as ``"gan"``.
        data: number of the data set that is shown.
        strand: the strand whose samples and density are shown.
        x: first coordinate of the point that is asked about.
        y: second coordinate.
        points: how many samples are shown.
        seed: of the samples.
        importance: draws of the code behind the variational autoencoder's bound.
        reference: whether points of the data are shown.
    """

    script = "four_strands.js"
    description = (
        "A plane with the density that one of four models has learnt as shading, samples of it as dots, and a point "
        "that can be moved. Below, the log density at this point: the truth, the exact answers of the flow and of the "
        "autoregressive model, a lower bound from the variational autoencoder, no answer from the adversarial model."
    )
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    means: traitlets.List = traitlets.List([]).tag(sync=True)
    scales = traitlets.List(traitlets.Float()).tag(sync=True)
    data = traitlets.Int(0, min=0).tag(sync=True)
    strand = traitlets.Enum(_STRANDS, "flow").tag(sync=True)
    x = traitlets.Float(0.0, min=-2.2, max=2.8).tag(sync=True)
    y = traitlets.Float(0.9, min=-1.9, max=1.9).tag(sync=True)
    points = traitlets.Int(200, min=0).tag(sync=True)
    seed = traitlets.Int(0, min=0).tag(sync=True)
    importance = traitlets.Int(10, min=1).tag(sync=True)
    reference = traitlets.Bool(False).tag(sync=True)

    def __init__(self, learnt: Mapping[str, tuple[PlanarMixture, Mapping[str, nn.Module]]], **traits: Any) -> None:
        tensors: dict[str, Tensor] = {}
        for number, (name, (_, models)) in enumerate(learnt.items()):
            if set(models) != set(_STRANDS):
                raise ValueError(f"FourStrands: {name} must have the models {sorted(_STRANDS)}, has {sorted(models)}")
            for strand, model in models.items():
                used = {key: value for key, value in model.state_dict().items() if not key.startswith("discriminator")}
                tensors |= {f"{number}.{strand}.{key}": value for key, value in used.items()}
        truths = [truth for truth, _ in learnt.values()]
        super().__init__(
            tensors,
            names=list(learnt),
            means=[[[round(c, 4) for c in mean] for mean in truth.means.tolist()] for truth in truths],
            scales=[truth.scale for truth in truths],
            **traits,
        )

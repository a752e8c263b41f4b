"""Repairs of the game: packs, noise and a penalty on slopes. Each changes what the discriminator sees or pays for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from coursekit.adversarial.gan import GAN


class Packed(nn.Module):
    """A discriminator that judges ``size`` examples at once: all of them real, or all generated.

    A single example of a collapsed generator may look real, but ``size`` of them side by side are too much alike. The
    examples of a pack are joined along the first axis of the event: (B, C, ...) becomes (B / size, size * C, ...), so
    ``discriminator`` must expect ``size`` times the channels, or coordinates. It gives (B / size,) logits.

    Source: Lin, Khetan, Fanti and Oh (2018), "PacGAN".
    """

    def __init__(self, discriminator: nn.Module, size: int) -> None:
        """Wrap ``discriminator``.

        Raises
        ------
        ValueError
            If ``size`` is below one.
        """
        super().__init__()
        if size < 1:
            raise ValueError(f"Packed: size must be at least 1, was {size}")
        self.discriminator, self.size = discriminator, size

    def forward(self, x: Tensor) -> Tensor:
        """The logits of the packs, shape (B / size,).

        Raises
        ------
        ValueError
            If the batch does not divide into packs.
        """
        if len(x) % self.size:
            raise ValueError(f"Packed: {len(x)} examples do not divide into packs of {self.size}: change batch_size")
        return self.discriminator(x.reshape(len(x) // self.size, self.size * x.shape[1], *x.shape[2:]))  # (B / size,)


class Noisy(nn.Module):
    """A discriminator that, while it is trained, sees everything through Gaussian noise that dies away.

    Data and generated examples on thin sets have nothing in common, and a discriminator is soon sure. Blurred, they
    overlap. The standard deviation falls in a line from ``scale`` to zero in the course of ``passes`` forward passes; a
    `GAN` makes two in each step of the discriminator and one in each of the generator.

    Source: Sønderby et al. (2017) and Arjovsky and Bottou (2017).
    """

    passed: Tensor

    def __init__(self, discriminator: nn.Module, scale: float, passes: float) -> None:
        """Wrap ``discriminator``; infinitely many ``passes`` keep the noise as it is.

        Raises
        ------
        ValueError
            If ``scale`` is negative or ``passes`` not positive.
        """
        super().__init__()
        if not scale >= 0:
            raise ValueError(f"Noisy: scale must not be negative, was {scale}")
        if not passes > 0:
            raise ValueError(f"Noisy: passes must be positive, was {passes}")
        self.discriminator, self.scale, self.passes = discriminator, scale, passes
        self.register_buffer("passed", torch.tensor(0))  # so that a resumed run goes on where it was

    def forward(self, x: Tensor) -> Tensor:
        """The logits, shape (B,), of x with noise in training mode, of x itself in evaluation mode."""
        if self.training:
            scale = self.scale * max(0.0, 1 - self.passed.item() / self.passes)
            self.passed += 1
            x = x + scale * torch.randn_like(x)  # (B, *event)
        return self.discriminator(x)


class PenalisedGAN(GAN):
    r"""A `GAN` whose discriminator pays for the slope of its logit a at the data.

    .. math:: -V(D, g) + \frac{\gamma}{2}\, \mathbb{E}_{x \sim p} \lVert \nabla_x\, a(x) \rVert^2

    with :math:`\gamma` the ``penalty``. At the equilibrium D is flat, so the penalty leaves it where it is; what it
    adds is friction. For packs the slope is that of a pack's logit in all of its examples.

    Source: Mescheder, Geiger and Nowozin (2018), the penalty that they call R1.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, latent_size: int, *, penalty: float, **options: Any
    ) -> None:
        """``options`` are those of `GAN`.

        Raises
        ------
        ValueError
            If ``penalty`` is negative, or an option is wrong.
        """
        super().__init__(generator, discriminator, latent_size, **options)
        if not penalty >= 0:
            raise ValueError(f"PenalisedGAN: penalty must not be negative, was {penalty}")
        self.penalty = penalty

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """-V on one batch and the penalty, in nats."""
        real = real.detach().requires_grad_()  # (B, *event)
        logit = self.discriminator(real)  # (B,)
        (slope,) = torch.autograd.grad(logit.sum(), real, create_graph=True)  # (B, *event)
        return super().discriminator_loss(real, fake) + self.penalty / 2 * slope.square().sum() / logit.numel()

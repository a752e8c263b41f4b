"""Dense generators and discriminators, for points of the plane and for images."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class MLPGenerator(nn.Sequential):
    """Noise to x through two hidden layers: (B, latent_size) to (B, *event_shape).

    ``bounded`` ends in a sigmoid, for images in [0, 1].
    """

    def __init__(self, latent_size: int, event_shape: tuple[int, ...], hidden: int = 128, *, bounded: bool) -> None:
        super().__init__(
            nn.Linear(latent_size, hidden),  # (B, hidden)
            nn.ReLU(),
            nn.Linear(hidden, hidden),  # (B, hidden)
            nn.ReLU(),
            nn.Linear(hidden, math.prod(event_shape)),  # (B, D)
            nn.Unflatten(1, event_shape),  # (B, *event_shape)
            nn.Sigmoid() if bounded else nn.Identity(),
        )


class MLPDiscriminator(nn.Sequential):
    """x to one logit through two hidden layers: (B, *event_shape) to (B,).

    With ``spectral`` every layer's largest singular value is one, so that the logit cannot change faster than x does.

    Source: Miyato et al. (2018) for ``spectral``.
    """

    def __init__(self, event_shape: tuple[int, ...], hidden: int = 128, *, spectral: bool = False) -> None:
        def linear(inputs: int, outputs: int) -> nn.Module:
            layer = nn.Linear(inputs, outputs)
            return spectral_norm(layer) if spectral else layer

        super().__init__(
            nn.Flatten(),  # (B, D)
            linear(math.prod(event_shape), hidden),  # (B, hidden)
            nn.LeakyReLU(0.2),
            linear(hidden, hidden),  # (B, hidden)
            nn.LeakyReLU(0.2),
            linear(hidden, 1),  # (B, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The logits, shape (B,)."""
        return super().forward(x).squeeze(1)  # (B,)

"""From images with whole levels to densities and back: dequantisation, the logit, bits per dimension."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import softplus

from coursekit.distributions.levels import check_levels, level_of
from coursekit.generators.flows import Flow, FlowLayer
from coursekit.training.model import Model


def dequantise(x: Tensor, levels: int = 256, *, generator: torch.Generator | None = None) -> Tensor:
    r"""Each value k/(levels - 1) becomes :math:`(k + u) / \mathrm{levels}`, u uniform in (0, 1): same shape, in (0, 1).

    The cells of the levels tile the unit interval, each of width 1/levels, without gap or overlap. The noise takes
    2**14 values, the middles of as many parts of (0, 1): rounding never carries one to the edge of a cell.

    Raises
    ------
    ValueError
        If a value is none of the levels.
    """
    device = x.device if generator is None else generator.device
    u = (torch.randint(2**14, x.shape, generator=generator, device=device) + 0.5) / 2**14
    return (level_of(x, levels) + u.to(x)) / levels


def quantise(v: Tensor, levels: int = 256) -> Tensor:
    """The level k/(levels - 1) of the cell in which each value lies: the inverse of `dequantise`, for any noise."""
    return (v * levels).floor().clamp(0, levels - 1) / (levels - 1)


def bits_per_dimension(log_prob: Tensor, dimensions: int) -> Tensor:
    r"""Nats of whole images as bits of a single entry, :math:`-\log p / (d \ln 2)`; the sign turns: less is better."""
    return -log_prob / (dimensions * math.log(2))


class Logit(FlowLayer):
    r"""From real numbers to values in (0, 1), as the last layer of a flow on images; its inverse is the logit.

    .. math:: & z = \mathrm{logit}(s), \quad s = \alpha + (1 - 2 \alpha)\, x, \\
        & \log \left| \frac{dz}{dx} \right| = \log (1 - 2 \alpha) - \log s - \log (1 - s)

    ``alpha`` keeps x = 0 away from minus infinity. A little mass lies beyond 0 and 1, as far as alpha/(1 - 2 alpha).

    Source: Dinh, Sohl-Dickstein and Bengio (2017); Papamakarios, Pavlakou and Murray (2017).
    """

    def __init__(self, alpha: float = 1e-4) -> None:
        super().__init__()
        if not 0 <= alpha < 0.5:
            raise ValueError(f"Logit: alpha must be at least 0 and below 0.5, was {alpha}")
        self.alpha = alpha
        self.codomain = constraints.independent(
            constraints.interval(-alpha / (1 - 2 * alpha), (1 - alpha) / (1 - 2 * alpha)), 1
        )

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """x, shape (..., D), and log abs det dx/dz in nats, shape (...)."""
        return (z.sigmoid() - self.alpha) / (1 - 2 * self.alpha), -self._log_slope(z).sum(dim=-1)

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z, shape (..., D), and log abs det dz/dx in nats, shape (...).

        Raises
        ------
        ValueError
            If a value of x is below 0 or above 1.
        """
        if not x.is_meta and x.numel() > 0 and not (x.amin() >= 0 and x.amax() <= 1):
            raise ValueError(
                f"Logit: x must lie in [0, 1], was between {x.amin().item():.3g} and {x.amax().item():.3g}"
            )
        z = (self.alpha + (1 - 2 * self.alpha) * x).logit()  # (..., D)
        return z, self._log_slope(z).sum(dim=-1)

    def _log_slope(self, z: Tensor) -> Tensor:
        """Log dz/dx, (..., D): with s = sigmoid(z), -log s = softplus(-z) and -log(1 - s) = softplus(z)."""
        return math.log(1 - 2 * self.alpha) + softplus(z) + softplus(-z)


class Dequantised(Model):
    r"""A flow on [0, 1)^D as a model of discrete images: the probability of an image is the mass in its cell.

    .. math:: \log P(x) = \log \int_{\text{cell}} p(v) \, dv
        \ge \mathbb{E}_u\big[\log p(v)\big] - D \log \mathrm{levels}, \qquad v = \frac{k + u}{\mathrm{levels}}

    The last term is the logarithm of the cell's volume, exact.

    Source: Theis, van den Oord and Bethge (2016), "A note on the evaluation of generative models".
    """

    def __init__(self, flow: Flow, levels: int = 256) -> None:
        """``flow``: on vectors of as many entries as an image has, with `Logit` as its last layer, say."""
        super().__init__()
        self.flow = flow
        self.levels = check_levels(levels)
        self.learning_rate = flow.learning_rate

    def log_prob_bound(self, x: Tensor, samples: int = 1, *, generator: torch.Generator | None = None) -> Tensor:
        """An estimate of a lower bound on log P(x) in nats, shape (B,), for images (B, ...) of whole levels.

        With one draw of the noise it is unbiased for the bound above; with K it is the logarithm of a mean of K
        volumes, whose expectation rises to log P(x) itself as K grows.
        """
        x = x.flatten(1)  # (B, D)
        log_volume = -x.shape[1] * math.log(self.levels)
        draws = [self.flow.log_prob(dequantise(x, self.levels, generator=generator)) for _ in range(samples)]  # (B,)
        return torch.stack(draws).logsumexp(dim=0) - math.log(samples) + log_volume

    def loss(self, batch: Tensor) -> Tensor:
        """The mean of minus the bound in nats per image: an upper bound on -log P."""
        return -self.log_prob_bound(batch).mean()

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` images as vectors of whole levels in [0, 1], shape (n, D)."""
        return quantise(self.flow.sample(n, generator=generator), self.levels)

"""Coupling layers whose map is a monotone spline: as easy to invert as an affine map, and far more flexible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from coursekit.generators.flows import Coupling, Flow, alternating

SMALLEST = 1e-3
"""The least share of the interval that a bin may have, and the least slope at a knot."""


class Bin(NamedTuple):
    """The bin of a spline that a number fell into: its lower left corner, its sides, and the slopes at its ends."""

    left: Tensor
    width: Tensor
    bottom: Tensor
    height: Tensor
    slope: Tensor
    next_slope: Tensor


def knots(parameters: Tensor, bound: float) -> tuple[Tensor, Tensor, Tensor]:
    """Places, values and slopes at K + 1 knots, (..., K + 1) each, from raw ``parameters`` (..., 3 K - 1).

    The first and the last knot are (-bound, -bound) and (bound, bound), with slope one. Parameters that are all zero
    give the identity.
    """
    bins = (parameters.shape[-1] + 1) // 3
    widths, heights, slopes = parameters.split([bins, bins, bins - 1], dim=-1)

    def ends(raw: Tensor) -> Tensor:
        shares = SMALLEST + (1 - SMALLEST * bins) * raw.softmax(dim=-1)  # (..., K), positive, sum one
        inner = bound * (2 * shares[..., :-1].cumsum(dim=-1) - 1)  # (..., K - 1)
        return pad(pad(inner, (1, 0), value=-bound), (0, 1), value=bound)  # (..., K + 1), the ends exact

    one = math.log(math.expm1(1 - SMALLEST))  # softplus(one) = 1 - SMALLEST
    return ends(widths), ends(heights), pad(SMALLEST + softplus(slopes + one), (1, 1), value=1.0)


def find_bin(value: Tensor, ends: Tensor, parameters: tuple[Tensor, Tensor, Tensor]) -> Bin:
    """The bin of each ``value`` (...) among ``ends`` (..., K + 1), which are the knots' places or their values."""
    k = (value.unsqueeze(-1) >= ends[..., 1:-1]).sum(dim=-1, keepdim=True)  # (..., 1), from 0 to K - 1
    both = torch.cat([k, k + 1], dim=-1)  # (..., 2): its ends
    x, y, slopes = (p.gather(-1, both) for p in parameters)  # (..., 2) each
    return Bin(x[..., 0], x[..., 1] - x[..., 0], y[..., 0], y[..., 1] - y[..., 0], slopes[..., 0], slopes[..., 1])


def log_slope(share: Tensor, b: Bin) -> Tensor:
    """Log of the spline's derivative, (...), where ``share`` of the bin's width lies to the left."""
    steep = b.height / b.width
    rest = share * (1 - share)
    top = steep.square() * (b.next_slope * share.square() + 2 * steep * rest + b.slope * (1 - share).square())
    return top.log() - 2 * (steep + (b.next_slope + b.slope - 2 * steep) * rest).log()


def spline(z: Tensor, parameters: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    r"""The monotone rational-quadratic spline at z, (...), and its log-slope, (...).

    In the bin from :math:`(x_k, y_k)` of width w and height h, with :math:`\xi = (z - x_k) / w`, :math:`s = h / w` and
    slopes :math:`\delta_k, \delta_{k+1}` at its ends:

    .. math:: f(z) = y_k + \frac{h\, (s\, \xi^2 + \delta_k\, \xi (1 - \xi))}
        {s + (\delta_{k+1} + \delta_k - 2 s)\, \xi (1 - \xi)}

    Outside of [-bound, bound] it is the identity. ``parameters``: (..., 3 K - 1) raw numbers for K bins.

    Source: Gregory and Delbourgo (1982); Durkan, Bekasov, Murray and Papamakarios (2019).
    """
    inside, held = z.abs() < bound, z.clamp(-bound, bound)  # (...)
    nodes = knots(parameters, bound)
    b = find_bin(held, nodes[0], nodes)
    share = (held - b.left) / b.width
    steep = b.height / b.width
    rest = share * (1 - share)
    rise = (steep * share.square() + b.slope * rest) / (steep + (b.next_slope + b.slope - 2 * steep) * rest)
    return torch.where(inside, b.bottom + b.height * rise, z), torch.where(inside, log_slope(share, b), 0.0)


def inverse_spline(x: Tensor, parameters: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """z with spline(z) = x, (...), the root of a quadratic equation, and the log-slope of the inverse, (...)."""
    inside, held = x.abs() < bound, x.clamp(-bound, bound)  # (...)
    nodes = knots(parameters, bound)
    b = find_bin(held, nodes[1], nodes)
    steep, up = b.height / b.width, held - b.bottom
    bent = b.next_slope + b.slope - 2 * steep
    first, second, third = b.height * (steep - b.slope) + up * bent, b.height * b.slope - up * bent, -steep * up
    root = (second.square() - 4 * first * third).clamp(min=0).sqrt()
    turned = second < 0  # of the two forms of the root, the one in which nothing cancels
    sum_ = -(second + torch.where(turned, -root, root)) / 2
    share = torch.where(turned, sum_, third) / torch.where(turned, first, sum_)
    return torch.where(inside, b.left + b.width * share, x), torch.where(inside, -log_slope(share, b), 0.0)


class SplineCoupling(Coupling):
    """The second half goes through monotone rational-quadratic splines, whose knots the first half chooses.

    Source: Durkan, Bekasov, Murray and Papamakarios (2019), "Neural spline flows".
    """

    def __init__(self, dimensions: int, hidden: Sequence[int] = (64, 64), bins: int = 8, bound: float = 4.0) -> None:
        """``bins``: the pieces of each spline; beyond ``bound`` entries stay as they are."""
        if not 2 <= bins < 1 / SMALLEST or bound <= 0:
            raise ValueError(f"SplineCoupling: bins must be 2 or more and bound positive, were {bins} and {bound}")
        super().__init__(dimensions, 3 * bins - 1, hidden)
        self.bound = bound

    def bend(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """The spline at z, and its log-slope."""
        return spline(z, parameters, self.bound)

    def unbend(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse spline at x, and its log-slope."""
        return inverse_spline(x, parameters, self.bound)


class NeuralSplineFlow(Flow):
    """Spline couplings with permutations between them, as `RealNVP` has them.

    Source: Durkan, Bekasov, Murray and Papamakarios (2019).
    """

    def __init__(
        self, dimensions: int, layers: int = 4, hidden: Sequence[int] = (64, 64), bins: int = 8, bound: float = 4.0
    ) -> None:
        """Scale the data to about one: beyond ``bound`` a coupling leaves an entry as it is."""
        couplings = [SplineCoupling(dimensions, hidden, bins, bound) for _ in range(layers)]
        super().__init__(dimensions, alternating(couplings, dimensions))

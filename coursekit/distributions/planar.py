"""Densities in the plane whose ``log_prob`` is exact: data sets whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints


class PlanarDensity(Distribution):
    """A density over points (x, y) with an exact, normalised ``log_prob``; event shape (2,), no batch shape.

    ``window`` is (left, right, bottom, top): a rectangle that holds all of the mass but a part below 1e-7.
    ``finest`` is the length over which the density changes most quickly: a grid must resolve it.
    Lengths have no unit. Samples are on the generator's device and carry no gradient.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    support = constraints.real_vector
    has_rsample = False

    def __init__(self, window: tuple[float, float, float, float], finest: float) -> None:
        super().__init__(torch.Size(), torch.Size([2]))
        self.window = window
        self.finest = finest

    def sample(self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None) -> Tensor:
        """Independent points, shape (*sample_shape, 2)."""
        shape = torch.Size(sample_shape)
        with torch.no_grad():
            return self._points(shape.numel(), generator).reshape(*shape, 2)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density log p(x) in nats, shape (...), for points of shape (..., 2)."""
        if value.shape[-1:] != (2,):
            raise ValueError(f"value has shape {tuple(value.shape)} and must have shape (..., 2)")
        return self._log_density(value)

    def grid(self, spacing: float) -> tuple[Tensor, float]:
        """Points at the centres of cells that tile the window, shape (rows, columns, 2), and the area of one cell.

        Cells are at most ``spacing`` wide and high. The first row is the lowest.
        """
        left, right, bottom, top = self.window
        columns, rows = math.ceil((right - left) / spacing), math.ceil((top - bottom) / spacing)
        x = left + (right - left) * (torch.arange(columns, dtype=torch.float64) + 0.5) / columns  # (columns,)
        y = bottom + (top - bottom) * (torch.arange(rows, dtype=torch.float64) + 0.5) / rows  # (rows,)
        points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (rows, columns, 2)
        return points, (right - left) / columns * (top - bottom) / rows

    def entropy(self) -> Tensor:
        """Entropy in nats, shape (), by quadrature on a grid that resolves the finest detail."""
        points, area = self.grid(self.finest / 4)
        total = 0.0
        for chunk in points.reshape(-1, 2).split(2**14):  # (C, 2)
            log_density = self._log_density(chunk)  # (C,)
            total -= torch.special.xlogy(log_density.exp(), log_density.exp()).sum().item() * area
        return torch.tensor(total)

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Independent points, shape (n, 2)."""
        raise NotImplementedError

    def _log_density(self, x: Tensor) -> Tensor:
        """The log density log p(x) in nats, shape (...), for points of shape (..., 2)."""
        raise NotImplementedError


class PlanarMixture(PlanarDensity):
    r"""Mixture of K equally likely round Gaussians.

    .. math:: p(x) = \frac{1}{K} \sum_{k=1}^{K} \mathcal{N}(x;\, \mu_k,\, \sigma^2 I)

    ``means``: shape (K, 2). ``scale``: the standard deviation, one number.
    """

    def __init__(self, means: Tensor, scale: float) -> None:
        if means.ndim != 2 or means.shape[1] != 2 or len(means) == 0:
            raise ValueError(f"means has shape {tuple(means.shape)} and must have shape (K, 2) with K at least 1")
        _check_positive("scale", scale)
        self.means = means  # (K, 2)
        self.scale = scale
        low, high = means.amin(dim=0) - 6 * scale, means.amax(dim=0) + 6 * scale  # (2,), (2,)
        super().__init__((low[0].item(), high[0].item(), low[1].item(), high[1].item()), finest=scale)

    def log_joint(self, x: Tensor) -> Tensor:
        """The log density log p(x, k) in nats, shape (..., K), for points of shape (..., 2)."""
        squares = ((x.unsqueeze(-2) - self.means.to(x)) / self.scale).square().sum(dim=-1)  # (..., K)
        return -0.5 * squares - math.log(2 * math.pi * self.scale**2) - math.log(len(self.means))

    def _log_density(self, x: Tensor) -> Tensor:
        return self.log_joint(x).logsumexp(dim=-1)

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        device = _device(generator)
        k = torch.randint(len(self.means), (n,), generator=generator, device=device)  # (n,)
        noise = torch.randn(n, 2, generator=generator, device=device)  # (n, 2)
        return self.means.to(noise)[k] + self.scale * noise


class TwoMoons(PlanarMixture):
    """Two half circles of radius one that reach into each other, blurred by Gaussian noise.

    Each moon is a mixture of 64 Gaussians with centres evenly along its arc, closer than ``scale`` to each other
    for the default scale; so the density is exact.

    Source: the arcs are those of scikit-learn's ``make_moons`` (Pedregosa et al., 2011).
    """

    def __init__(self, scale: float = 0.1) -> None:
        angles = math.pi * (torch.arange(64, dtype=torch.float64) + 0.5) / 64  # (64,)
        upper = torch.stack([angles.cos(), angles.sin()], dim=-1)  # (64, 2)
        lower = torch.stack([1 - angles.cos(), 0.5 - angles.sin()], dim=-1)  # (64, 2)
        super().__init__(torch.cat([upper, lower]), scale)


class GaussianRing(PlanarMixture):
    """Gaussians at equal distances on a circle: the usual test of how many modes a model covers.

    Source: Metz, Poole, Pfau and Sohl-Dickstein (2017), "Unrolled generative adversarial networks".
    """

    def __init__(self, modes: int = 8, radius: float = 2.0, scale: float = 0.02) -> None:
        if modes < 1:
            raise ValueError(f"modes is {modes} and must be at least 1")
        _check_positive("radius", radius)
        angles = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes  # (modes,)
        super().__init__(radius * torch.stack([angles.cos(), angles.sin()], dim=-1), scale)


class GaussianGrid(PlanarMixture):
    """Gaussians on a square grid around the origin, ``side`` x ``side`` of them.

    Source: Dumoulin et al. (2017), "Adversarially learned inference".
    """

    def __init__(self, side: int = 5, spacing: float = 2.0, scale: float = 0.05) -> None:
        if side < 1:
            raise ValueError(f"side is {side} and must be at least 1")
        _check_positive("spacing", spacing)
        line = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)  # (side,)
        super().__init__(torch.cartesian_prod(line, line), scale)


class Rings(PlanarDensity):
    r"""Concentric, equally likely rings around the origin, each with a Gaussian profile.

    .. math:: & p(x) = \frac{1}{K} \sum_k \frac{1}{Z_k} \exp\!\Big(-\frac{(|x| - r_k)^2}{2 \sigma^2}\Big), \\
        & Z_k = 2 \pi \Big[\sigma^2 e^{-r_k^2 / 2 \sigma^2} + r_k \sigma \sqrt{2 \pi}\, \Phi(r_k / \sigma)\Big]

    Z_k is the integral of the profile over the plane, in polar coordinates; Phi is the standard normal distribution
    function. ``radii``: r_1 ... r_K; ``scale``: sigma.
    """

    def __init__(self, radii: Sequence[float] = (1.0, 2.0, 3.0), scale: float = 0.1) -> None:
        if len(radii) == 0 or min(radii) < 0:
            raise ValueError(f"radii is {tuple(radii)} and must hold one or more numbers, none negative")
        _check_positive("scale", scale)
        self.radii = torch.tensor(radii, dtype=torch.float64)  # (K,)
        self.scale = scale
        reach = max(radii) + 6 * scale
        super().__init__((-reach, reach, -reach, reach), finest=scale)

    def _mass_within(self, distance: Tensor, radii: Tensor) -> Tensor:
        """Integral of the profiles of ``radii`` over the disc of radius ``distance``; the shapes broadcast."""
        start, end = -radii / self.scale, (distance - radii) / self.scale
        bells = torch.exp(-start.square() / 2) - torch.exp(-end.square() / 2)
        steps = torch.special.ndtr(end) - torch.special.ndtr(start)
        return 2 * math.pi * (self.scale**2 * bells + radii * self.scale * math.sqrt(2 * math.pi) * steps)

    def _log_density(self, x: Tensor) -> Tensor:
        constants = self._mass_within(torch.tensor(math.inf, dtype=torch.float64), self.radii)  # (K,)
        distances = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # (..., 1)
        profiles = -0.5 * ((distances - self.radii.to(x)) / self.scale).square()  # (..., K)
        return (profiles - constants.log().to(x)).logsumexp(dim=-1) - math.log(len(self.radii))

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        """The distance is drawn by inverting its distribution function with bisection, the angle uniformly."""
        device = _device(generator)
        k = torch.randint(len(self.radii), (n,), generator=generator, device=device)  # (n,)
        share, turn = torch.rand(2, n, generator=generator, device=device)  # (n,), (n,)
        radii = self.radii[k.cpu()]  # (n,)
        low, high = torch.zeros_like(radii), radii + 10 * self.scale  # (n,), (n,)
        wanted = share.cpu().double() * self._mass_within(high, radii)  # (n,)
        for _ in range(60):
            middle = (low + high) / 2  # (n,)
            inside = self._mass_within(middle, radii) < wanted  # (n,)
            low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
        angle = 2 * math.pi * turn  # (n,)
        return low.to(angle).unsqueeze(-1) * torch.stack([angle.cos(), angle.sin()], dim=-1)  # (n, 2)


class Pinwheel(PlanarDensity):
    r"""Arms of a wheel, each a long Gaussian, twisted the more the farther from the centre.

    A point u of an arm that lies along the first axis, with mean (1, 0) and standard deviations ``radial`` and
    ``tangential``, is turned by the angle :math:`2 \pi k / K + \text{twist} \cdot e^{|u|}`. The angle depends on the
    distance from the centre only; so the map keeps areas, its inverse is the turn back, and the density is exact.

    Source: after Johnson et al. (2016), "Composing graphical models with neural networks", whose angle depends on
    the first coordinate instead of the distance.
    """

    def __init__(self, arms: int = 5, radial: float = 0.3, tangential: float = 0.05, twist: float = 0.25) -> None:
        if arms < 1:
            raise ValueError(f"arms is {arms} and must be at least 1")
        _check_positive("radial", radial)
        _check_positive("tangential", tangential)
        self.arms, self.radial, self.tangential, self.twist = arms, radial, tangential, twist
        reach = 1 + 6 * max(radial, tangential)
        super().__init__((-reach, reach, -reach, reach), finest=min(radial, tangential) / 3)

    def _turned(self, x: Tensor, angle: Tensor) -> Tensor:
        """Points of shape (..., 2) turned by angles of shape (...), counter-clockwise."""
        cosine, sine = angle.cos(), angle.sin()
        return torch.stack([cosine * x[..., 0] - sine * x[..., 1], sine * x[..., 0] + cosine * x[..., 1]], dim=-1)

    def _log_density(self, x: Tensor) -> Tensor:
        arms = 2 * math.pi * torch.arange(self.arms, device=x.device, dtype=x.dtype) / self.arms  # (K,)
        distances = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # (..., 1)
        points = self._turned(x.unsqueeze(-2), -(arms + self.twist * distances.exp()))  # (..., K, 2)
        squares = ((points[..., 0] - 1) / self.radial).square() + (
            points[..., 1] / self.tangential
        ).square()  # (..., K)
        constant = math.log(2 * math.pi * self.radial * self.tangential) + math.log(self.arms)
        return (-0.5 * squares).logsumexp(dim=-1) - constant

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        device = _device(generator)
        k = torch.randint(self.arms, (n,), generator=generator, device=device)  # (n,)
        noise = torch.randn(n, 2, generator=generator, device=device)  # (n, 2)
        points = torch.stack([1 + self.radial * noise[:, 0], self.tangential * noise[:, 1]], dim=-1)  # (n, 2)
        distances = torch.linalg.vector_norm(points, dim=-1)  # (n,)
        return self._turned(points, 2 * math.pi * k / self.arms + self.twist * distances.exp())


class Checkerboard(PlanarDensity):
    """Uniform on every other cell of a board around the origin.

    Elsewhere there is no mass, and ``log_prob`` is minus infinity. The lower left cell has mass; a cell owns its left
    and lower edges. ``cells``: cells along a side, an even number; ``width``: the width of a cell.
    """

    def __init__(self, cells: int = 4, width: float = 1.0) -> None:
        if cells < 2 or cells % 2:
            raise ValueError(f"cells is {cells} and must be an even number, at least 2")
        _check_positive("width", width)
        self.cells, self.width = cells, width
        reach = cells * width / 2
        super().__init__((-reach, reach, -reach, reach), finest=width)

    def _log_density(self, x: Tensor) -> Tensor:
        cell = torch.floor(x / self.width + self.cells / 2)  # (..., 2)
        on_board = ((cell >= 0) & (cell < self.cells)).all(dim=-1)  # (...)
        filled = on_board & (cell.sum(dim=-1) % 2 == 0)  # (...)
        inside = x.new_full((), -self._log_area())
        return torch.where(filled, inside, inside.new_full((), -math.inf))

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        device = _device(generator)
        row = torch.randint(self.cells, (n,), generator=generator, device=device)  # (n,)
        pair = torch.randint(self.cells // 2, (n,), generator=generator, device=device)  # (n,)
        cell = torch.stack([2 * pair + row % 2, row], dim=-1)  # (n, 2)
        return self.width * (cell - self.cells / 2 + torch.rand(n, 2, generator=generator, device=device))

    def _log_area(self) -> float:
        return math.log(self.cells**2 / 2 * self.width**2)

    def entropy(self) -> Tensor:
        """Entropy in nats, shape (): the logarithm of the filled area."""
        return torch.tensor(self._log_area())


def _device(generator: torch.Generator | None) -> torch.device:
    """Where samples are drawn: the generator's device, else the CPU."""
    return torch.device("cpu") if generator is None else generator.device


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value} and must be positive")

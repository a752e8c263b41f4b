"""Normalizing flows: invertible layers that know by how much they stretch volumes, and the density of their chain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, Transform, TransformedDistribution, constraints

from coursekit.training.model import ExplicitDensity


class FlowLayer(Transform, nn.Module):  # type: ignore[misc]  # each has its own __call__; a layer is called as a map
    r"""An invertible, differentiable map x = g(z) of vectors, (..., D), with the logarithm of its Jacobian determinant.

    A subclass defines `to_data` and `to_noise`. It is a module, whose parameters are trained, and a
    ``torch.distributions`` transform: ``layer(z)``, ``layer.inv(x)``, ``layer.log_abs_det_jacobian(z, x)``.
    """

    domain = codomain = constraints.real_vector
    bijective = True
    __hash__ = nn.Module.__hash__  # a transform is equal to itself only, and forgets to say so to dictionaries

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """x = g(z), shape (..., D), and log abs det dx/dz in nats, shape (...)."""
        raise NotImplementedError(f"{type(self).__name__} must define to_data(z)")

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z with g(z) = x, shape (..., D), and log abs det dz/dx in nats, shape (...)."""
        raise NotImplementedError(f"{type(self).__name__} must define to_noise(x)")

    def _call(self, x: Tensor) -> Tensor:
        return self.to_data(x)[0]

    def _inverse(self, y: Tensor) -> Tensor:
        return self.to_noise(y)[0]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Log abs det dg/dz in nats, shape (...), at the noise ``x`` whose image is ``y`` (torch's names)."""
        return self.to_data(x)[1]


class Flow(ExplicitDensity):
    r"""Standard normal noise, sent through invertible layers: an exact density of vectors, and samples.

    .. math:: \log p(x) = \log \mathcal{N}(z;\, 0, I) + \log \left| \det \frac{\partial z}{\partial x} \right|,
        \quad x = g(z) = g_L(\dots g_2(g_1(z)))

    The log-determinants of the layers add up. Training minimises -log p(x) itself.

    Source: Rezende and Mohamed (2015); Papamakarios et al. (2021).
    """

    layers: Any  # an nn.ModuleList, of FlowLayers only

    def __init__(self, dimensions: int, layers: Sequence[FlowLayer]) -> None:
        """``layers``: g_1, ..., g_L, from the noise to the data, on vectors of ``dimensions`` entries."""
        super().__init__()
        self.dimensions = dimensions
        self.layers = nn.ModuleList(layers)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """x = g(z), shape (..., D), and log abs det dx/dz in nats, shape (...)."""
        log_det = z.new_zeros(z.shape[:-1])  # (...)
        for layer in self.layers:
            z, step = layer.to_data(z)  # (..., D), (...)
            log_det = log_det + step
        return z, log_det

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z with g(z) = x, shape (..., D), and log abs det dz/dx in nats, shape (...)."""
        if x.shape[-1:] != (self.dimensions,):
            raise ValueError(f"{type(self).__name__}: x must have shape (..., {self.dimensions}), was {tuple(x.shape)}")
        log_det = x.new_zeros(x.shape[:-1])  # (...)
        for layer in reversed(self.layers):
            x, step = layer.to_noise(x)  # (..., D), (...)
            log_det = log_det + step
        return x, log_det

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, exact, shape (...), for x of shape (..., D)."""
        z, log_det = self.to_noise(x)  # (..., D), (...)
        return log_normal(z) + log_det

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws, shape (n, D): noise, sent through the layers."""
        device = self.device if generator is None else generator.device
        z = torch.randn(n, self.dimensions, generator=generator, device=device)  # (n, D)
        return self.to_data(z.to(next(self.parameters())))[0]

    def distribution(self) -> Distribution:
        """The same density as torch sees it: a ``TransformedDistribution`` of a standard normal."""
        zero = next(self.parameters()).new_zeros(self.dimensions)  # (D,)
        return TransformedDistribution(Independent(Normal(zero, zero + 1), 1), list(self.layers))


class Permutation(FlowLayer):
    """The entries in another order: x_i = z_{order[i]}. It stretches nothing."""

    order: Tensor
    back: Tensor

    def __init__(self, order: Tensor) -> None:
        """``order``: each of 0, ..., D - 1 once, (D,)."""
        super().__init__()
        if not torch.equal(order.sort().values, torch.arange(len(order))):
            raise ValueError(f"Permutation: order must hold 0 to {len(order) - 1} once each, was {order.tolist()}")
        self.register_buffer("order", order)
        self.register_buffer("back", order.argsort())

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The entries in ``order``, and 0."""
        return z.index_select(-1, self.order), z.new_zeros(z.shape[:-1])

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The entries back in their places, and 0."""
        return x.index_select(-1, self.back), x.new_zeros(x.shape[:-1])


class Rescale(FlowLayer):
    """Fixed scales and shifts of the entries, x = mean + scale z: the layers before it see data of about unit size."""

    mean: Tensor
    scale: Tensor

    def __init__(self, data: Tensor) -> None:
        """Mean and standard deviation of each entry are those of ``data``, (N, D)."""
        super().__init__()
        self.register_buffer("mean", data.mean(dim=0))  # (D,)
        self.register_buffer("scale", data.std(dim=0))  # (D,)
        if not (self.scale > 0).all():
            raise ValueError(f"Rescale: entries of data must vary; {int((self.scale <= 0).sum())} of them never do")

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """x, shape (..., D), and log abs det dx/dz in nats, shape (...)."""
        return z * self.scale + self.mean, self.scale.log().sum().expand(z.shape[:-1])

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z, shape (..., D), and log abs det dz/dx in nats, shape (...)."""
        return (x - self.mean) / self.scale, -self.scale.log().sum().expand(x.shape[:-1])


class Coupling(FlowLayer):
    r"""The first half of z stays; the second is changed entry by entry, by a map that the first half chooses.

    .. math:: x_a = z_a, \qquad x_b = f(z_b;\, \theta(z_a))

    The Jacobian is triangular, whatever the network theta is: the determinant is the product of the slopes of f. And
    theta is never inverted, since z_a = x_a is known on the way back.

    A subclass defines `bend`, the map f with its log-slopes, and its inverse `unbend`.
    """

    def __init__(self, dimensions: int, parameters: int, hidden: Sequence[int]) -> None:
        """``parameters``: how many numbers f needs for each entry; ``hidden``: the units of theta's hidden layers."""
        super().__init__()
        if dimensions < 2:
            raise ValueError(f"{type(self).__name__}: dimensions must be at least 2, was {dimensions}")
        self.halves = [dimensions - dimensions // 2, dimensions // 2]
        self.parameters_per_entry = parameters
        self.network = perceptron(self.halves[0], hidden, self.halves[1] * parameters)

    def bend(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """x = f(z) and the log-slopes of f, (..., d) both, for ``parameters`` (..., d, P)."""
        raise NotImplementedError(f"{type(self).__name__} must define bend(z, parameters)")

    def unbend(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """z with f(z) = x and the log-slopes of the inverse, (..., d) both."""
        raise NotImplementedError(f"{type(self).__name__} must define unbend(x, parameters)")

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """x, shape (..., D), and log abs det dx/dz in nats, shape (...)."""
        z_a, z_b = z.split(self.halves, dim=-1)
        x_b, log_slopes = self.bend(z_b, self._chosen(z_a))
        return torch.cat([z_a, x_b], dim=-1), log_slopes.sum(dim=-1)

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z, shape (..., D), and log abs det dz/dx in nats, shape (...)."""
        x_a, x_b = x.split(self.halves, dim=-1)
        z_b, log_slopes = self.unbend(x_b, self._chosen(x_a))
        return torch.cat([x_a, z_b], dim=-1), log_slopes.sum(dim=-1)

    def _chosen(self, kept: Tensor) -> Tensor:
        """What the kept half says about each entry of the other, (..., d, P)."""
        return self.network(kept).unflatten(-1, (self.halves[1], self.parameters_per_entry))


class AffineCoupling(Coupling):
    r"""The second half is scaled and shifted: :math:`x_b = z_b \, e^{s(z_a)} + t(z_a)`.

    The log-scale s stays between -2 and 2, so that no layer stretches or shrinks by more than a factor of 7.4: this
    bounds what rounding errors can grow to on the way back.

    Source: Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP".
    """

    def __init__(self, dimensions: int, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__(dimensions, 2, hidden)

    def bend(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled, then shifted; and the log-scales."""
        log_scale, shift = scale_and_shift(parameters)  # (..., d), (..., d)
        return z * log_scale.exp() + shift, log_scale

    def unbend(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """The shift taken back, then the scale."""
        log_scale, shift = scale_and_shift(parameters)  # (..., d), (..., d)
        return (x - shift) * (-log_scale).exp(), -log_scale


class RealNVP(Flow):
    """Affine couplings with permutations between them.

    After each coupling the halves change places, so that each entry is changed by every second layer. With more than
    two dimensions every second time the entries are shuffled too, in an order fixed at random; else the same entries
    would always be in one half.

    Source: Dinh, Sohl-Dickstein and Bengio (2017).
    """

    def __init__(self, dimensions: int, layers: int = 8, hidden: Sequence[int] = (64, 64)) -> None:
        """``layers``: how many couplings; ``hidden``: the units of the hidden layers of each one's network."""
        super().__init__(
            dimensions, alternating([AffineCoupling(dimensions, hidden) for _ in range(layers)], dimensions)
        )


def alternating(couplings: Sequence[FlowLayer], dimensions: int) -> list[FlowLayer]:
    """Layers with permutations between them: halves exchanged, and every second time shuffled (seeded) if D > 2."""
    generator = torch.Generator().manual_seed(0)
    exchanged = torch.arange(dimensions).roll(dimensions // 2)  # (D,): the changed half comes to the front
    layers: list[FlowLayer] = []
    for i, coupling in enumerate(couplings):
        if i > 0:
            shuffled = i % 2 == 0 and dimensions > 2
            layers.append(Permutation(torch.randperm(dimensions, generator=generator) if shuffled else exchanged))
        layers.append(coupling)
    return layers


def perceptron(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """Linear layers with SiLU between them; the last one starts at zero, so that a flow starts as the identity.

    The first one is drawn three times as wide as torch does: data of about unit size is told apart more finely.
    """
    sizes = [inputs, *hidden]
    layers: list[nn.Module] = []
    for i in range(len(hidden)):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.SiLU()]
    with torch.no_grad():
        for parameter in layers[0].parameters():
            parameter.mul_(3)
    last = nn.Linear(sizes[-1], outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def scale_and_shift(parameters: Tensor, limit: float = 2.0) -> tuple[Tensor, Tensor]:
    """Log-scales, kept between -limit and limit, and shifts, (...) both, from raw ``parameters`` (..., 2)."""
    raw, shift = parameters.unbind(dim=-1)  # (...), (...)
    return limit * torch.tanh(raw / limit), shift


def log_normal(z: Tensor) -> Tensor:
    """Log density of the standard normal in nats, shape (...), for z of shape (..., D)."""
    return -0.5 * (z.square().sum(dim=-1) + z.shape[-1] * math.log(2 * math.pi))

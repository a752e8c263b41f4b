"""Autoregressive flows: each entry is scaled and shifted by what a masked network says about the entries before it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from coursekit.generators.flows import Flow, FlowLayer, Permutation, scale_and_shift


class MaskedNetwork(nn.Module):
    """A network from v (..., D) to P numbers for each entry, (..., D, P); those of entry i see v_1 ... v_{i-1} only.

    Hidden units have degrees 1, ..., D - 1 in turn: one of degree m sees the first m entries, and is seen by the
    entries after them. The masks multiply the weights in the forward pass. The last layer starts at zero.

    Source: Germain et al. (2015), "MADE".
    """

    def __init__(self, dimensions: int, parameters: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.shape = (dimensions, parameters)
        entries = torch.arange(1, dimensions + 1)  # (D,)
        degrees = [entries, *(torch.arange(units) % max(1, dimensions - 1) + 1 for units in hidden)]
        sizes = [dimensions, *hidden, dimensions * parameters]
        self.layers = nn.ModuleList(nn.Linear(sizes[i], sizes[i + 1]) for i in range(len(sizes) - 1))
        for i, (below, above) in enumerate(zip(degrees, degrees[1:], strict=False)):
            self.register_buffer(f"mask_{i}", (above.unsqueeze(1) >= below).float(), persistent=False)
        last = (entries.unsqueeze(1) > degrees[-1]).repeat_interleave(parameters, dim=0)  # strictly: none sees itself
        self.register_buffer(f"mask_{len(hidden)}", last.float(), persistent=False)
        for parameter in self.layers[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, v: Tensor) -> Tensor:
        """The numbers of each entry, (..., D, P)."""
        for i, layer in enumerate(self.layers):
            weight = layer.get_parameter("weight") * self.get_buffer(f"mask_{i}")
            v = linear(silu(v) if i > 0 else v, weight, layer.get_parameter("bias"))
        return v.unflatten(-1, self.shape)


class MaskedAffine(FlowLayer):
    r"""MAF's layer: the network reads the data, :math:`z_i = (x_i - t_i(x_{<i}))\, e^{-s_i(x_{<i})}`.

    One pass of the network gives all of z. The way back needs x_1, ..., x_{i-1} before x_i: D passes.

    Source: Papamakarios, Pavlakou and Murray (2017), "Masked autoregressive flow for density estimation".
    """

    def __init__(self, dimensions: int, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        self.network = MaskedNetwork(dimensions, 2, hidden)

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z in one pass, shape (..., D), and log abs det dz/dx in nats, shape (...)."""
        log_scale, shift = scale_and_shift(self.network(x))  # (..., D), (..., D)
        return (x - shift) * (-log_scale).exp(), -log_scale.sum(dim=-1)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """x in D passes, shape (..., D), and log abs det dx/dz in nats, shape (...)."""
        x, log_scale = z, z  # any start will do: pass i makes entry i right, and no later pass changes it
        for _ in range(z.shape[-1]):
            log_scale, shift = scale_and_shift(self.network(x))  # (..., D), (..., D)
            x = z * log_scale.exp() + shift
        return x, log_scale.sum(dim=-1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Log abs det dg/dz in nats, shape (...), in one pass, from the data ``y``."""
        return -self.to_noise(y)[1]


class InverseMaskedAffine(FlowLayer):
    r"""IAF's layer: the network reads the noise, :math:`x_i = z_i\, e^{s_i(z_{<i})} + t_i(z_{<i})`.

    One pass of the network gives all of x: samples are fast. The density of an x that somebody else made needs D
    passes.

    Source: Kingma et al. (2016), "Improved variational inference with inverse autoregressive flow".
    """

    def __init__(self, dimensions: int, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        self.network = MaskedNetwork(dimensions, 2, hidden)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """x in one pass, shape (..., D), and log abs det dx/dz in nats, shape (...)."""
        log_scale, shift = scale_and_shift(self.network(z))  # (..., D), (..., D)
        return z * log_scale.exp() + shift, log_scale.sum(dim=-1)

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z in D passes, shape (..., D), and log abs det dz/dx in nats, shape (...)."""
        z, log_scale = x, x
        for _ in range(x.shape[-1]):
            log_scale, shift = scale_and_shift(self.network(z))  # (..., D), (..., D)
            z = (x - shift) * (-log_scale).exp()
        return z, -log_scale.sum(dim=-1)


class MAF(Flow):
    """Masked autoregressive flow: densities in one pass, samples in D; the order is reversed after each layer.

    Source: Papamakarios, Pavlakou and Murray (2017).
    """

    def __init__(self, dimensions: int, layers: int = 5, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__(dimensions, _reversing([MaskedAffine(dimensions, hidden) for _ in range(layers)], dimensions))


class IAF(Flow):
    """Inverse autoregressive flow: samples in one pass, densities of given points in D.

    Source: Kingma et al. (2016).
    """

    def __init__(self, dimensions: int, layers: int = 5, hidden: Sequence[int] = (64, 64)) -> None:
        inverse = [InverseMaskedAffine(dimensions, hidden) for _ in range(layers)]
        super().__init__(dimensions, _reversing(inverse, dimensions))


def _reversing(layers: Sequence[FlowLayer], dimensions: int) -> list[FlowLayer]:
    """The layers with a reversal of the order between them."""
    chain: list[FlowLayer] = []
    for layer in layers:
        chain += [layer] if not chain else [Permutation(torch.arange(dimensions).flip(0)), layer]
    return chain

"""Planar flows: each layer pushes points along one direction, by an amount that changes across one plane."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from coursekit.generators.flows import Flow, FlowLayer


class Planar(FlowLayer):
    r"""A push along u that depends on :math:`a = w^\top z + b` alone: :math:`x = z + u \tanh(a)`.

    .. math:: \det \frac{\partial x}{\partial z} = 1 + w^\top u \, (1 - \tanh^2 a)

    It is invertible if :math:`w^\top u \ge -1`. Here that always holds: u is made from a free vector v by moving it
    along w until :math:`w^\top u = \mathrm{softplus}(w^\top v) - 1`.

    There is no formula for the inverse. But x tells :math:`w^\top x + b = a + w^\top u \tanh(a)`, which grows with a:
    `to_noise` finds a by bisection.

    Source: Rezende and Mohamed (2015), "Variational inference with normalizing flows".
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(dimensions))
        self.v = nn.Parameter(0.1 * torch.randn(dimensions))
        self.b = nn.Parameter(torch.randn(()))

    def u(self) -> Tensor:
        """The direction of the push, (D,), with w.u > -1."""
        product = self.w @ self.v
        return self.v + (softplus(product) - 1 - product) * self.w / self.w.square().sum()

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """x, shape (..., D), and log abs det dx/dz in nats, shape (...)."""
        return self._pushed(z, torch.tanh(z @ self.w + self.b), 1)

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z, shape (..., D), and log abs det dz/dx in nats, shape (...); gradients are exact."""
        product, target = self.w @ self.u(), x @ self.w + self.b  # (), (...)
        with torch.no_grad():
            low, high = target - product.abs(), target + product.abs()  # (...): tanh is between -1 and 1
            for _ in range(40):
                a = (low + high) / 2
                below = a + product * a.tanh() < target
                low, high = torch.where(below, a, low), torch.where(below, high, a)
            slope = 1 + product * (1 - a.tanh().square())  # (...)
        a = a - (a + product * a.tanh() - target) / slope  # one step of Newton's method carries the gradient
        return self._pushed(x, torch.tanh(a), -1)

    def _pushed(self, start: Tensor, amount: Tensor, sign: int) -> tuple[Tensor, Tensor]:
        u = self.u()  # (D,)
        log_det = torch.log1p(self.w @ u * (1 - amount.square()))  # (...)
        return start + sign * amount.unsqueeze(-1) * u, sign * log_det


class PlanarFlow(Flow):
    """A chain of planar layers: few parameters each, so it takes many.

    Source: Rezende and Mohamed (2015).
    """

    def __init__(self, dimensions: int, layers: int = 16) -> None:
        super().__init__(dimensions, [Planar(dimensions) for _ in range(layers)])

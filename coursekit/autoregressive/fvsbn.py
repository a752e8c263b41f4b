"""The fully visible sigmoid belief network: a logistic regression for each dimension."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from coursekit.autoregressive.base import Autoregressive
from coursekit.autoregressive.masks import earlier
from coursekit.autoregressive.staircase import masked_linear, reach_of


class FVSBN(Autoregressive):
    r"""Each dimension's logit is linear in the dimensions before it.

    .. math:: p(x_i = 1 \mid x_{<i}) = \sigma\Big(b_i + \sum_{j=1}^{i-1} w_{ij} x_j\Big)

    With more than two levels, each level has its own b and w, under a softmax.

    The D regressions are one linear map with a strictly triangular mask.

    Source: Neal (1992); Frey (1998).
    """

    mask: Tensor

    def __init__(self, event_shape: Sequence[int], levels: int = 2) -> None:
        super().__init__(event_shape, levels)
        self.weight = nn.Parameter(torch.zeros(self.dimensions, self.outputs, self.dimensions))
        self.bias = nn.Parameter(torch.zeros(self.dimensions, self.outputs))
        mask = earlier(self.order).repeat_interleave(self.outputs, dim=0)  # (D * outputs, D)
        self.register_buffer("mask", mask.float(), persistent=False)
        self.reach = reach_of(mask)

    def logits(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of all conditionals, (B, *event) or (B, *event, levels)."""
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()  # (D * outputs, D), (D * outputs,)
        return self._shaped(masked_linear(x.flatten(1), weight, bias, self.mask, self.reach))

    def steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The logits of one dimension after the other, (B, outputs) each: one row of the matrix product."""
        values = x.view(len(x), -1)  # (B, D), the memory of x
        rows = (self.weight.flatten(0, 1) * self.mask).split(self.outputs)  # (outputs, D) each
        biases = self.bias.unbind(0)
        for d in self.order:
            yield linear(values, rows[d], biases[d])

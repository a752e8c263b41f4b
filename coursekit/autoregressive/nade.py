"""The neural autoregressive distribution estimator: a hidden layer for each dimension, all with shared weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from coursekit.autoregressive.base import Autoregressive
from coursekit.autoregressive.masks import positions


class NADE(Autoregressive):
    r"""Each dimension has its own hidden layer, which sees the dimensions before it through weights shared by all.

    .. math:: p(x_i = 1 \mid x_{<i}) = \sigma(b_i + V_i h_i), \qquad h_i = \sigma(a_i), \qquad
              a_1 = c, \quad a_{i+1} = a_i + W_i x_i

    The hidden layers differ by one term from each to the next, so that all of them together cost no more than one: a
    cumulative sum in training, one addition a step in sampling. With more than two levels, each level has its own b and
    V, under a softmax. The rows of the parameters follow ``order``.

    Source: Larochelle and Murray (2011).
    """

    def __init__(self, event_shape: Sequence[int], hidden: int = 500, levels: int = 2) -> None:
        super().__init__(event_shape, levels)
        self.weight = nn.Parameter(torch.empty(self.dimensions, hidden))  # W
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))  # c
        self.output_weight = nn.Parameter(torch.empty(self.dimensions, self.outputs, hidden))  # V
        self.bias = nn.Parameter(torch.zeros(self.dimensions, self.outputs))  # b
        nn.init.normal_(self.weight, std=self.dimensions**-0.5)
        nn.init.normal_(self.output_weight, std=hidden**-0.5)

    def logits(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of all conditionals, (B, *event) or (B, *event, levels). Memory: B * D * hidden numbers."""
        x = x.flatten(1)[:, self.order]  # (B, D), in order
        terms = x[:, :-1].T.unsqueeze(2) * self.weight[:-1].unsqueeze(1)  # (D - 1, B, hidden)
        first = self.hidden_bias.expand(1, len(x), -1)
        hidden = torch.cat([first, terms]).cumsum(dim=0).sigmoid()  # (D, B, hidden)
        rows = torch.baddbmm(self.bias.unsqueeze(1), hidden, self.output_weight.mT)  # (D, B, outputs), in order
        return self._shaped(rows.transpose(0, 1)[:, positions(self.order)].contiguous())

    def steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The logits of one dimension after the other, (B, outputs) each: the sum grows by one term."""
        values = x.view(len(x), -1)
        a = self.hidden_bias.expand(len(x), -1)  # (B, hidden)
        for i, d in enumerate(self.order):
            yield torch.addmm(self.bias[i], a.sigmoid(), self.output_weight[i].T)
            a = torch.addcmul(a, values[:, d : d + 1], self.weight[i])

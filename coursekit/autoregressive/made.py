"""The masked autoencoder for distribution estimation: one network, masked so that it gives all conditionals at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from coursekit.autoregressive.base import Autoregressive
from coursekit.autoregressive.masks import hidden_degrees, made_masks
from coursekit.autoregressive.staircase import Reach, masked_linear, reach_of


class MADE(Autoregressive):
    r"""A network whose masked weights let each output see the inputs before it, and nothing else.

    With M ``orderings`` the same weights are masked in M ways, the first in ``order`` (raster order when not given),
    the others in random orders, which are the same for every model of this shape. Their mixture is a distribution too:

    .. math:: p(x) = \frac1M \sum_{m=1}^M \prod_{i=1}^D p_m(x_i \mid x_{o_m(1)}, \dots, x_{o_m(i-1)})

    The mean is one of probabilities: the mean of the orderings' logits or log-probabilities belongs to no distribution.
    `log_prob`, `sample` and `complete` are those of the mixture. What is about a single ordering (`logits`, `steps`,
    `log_conditionals`, `order`) follows the first, or the one chosen by `in_order`.

    Source: Germain et al. (2015).
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        hidden: Sequence[int] = (500,),
        levels: int = 2,
        orderings: int = 1,
        order: Sequence[int] | None = None,
    ) -> None:
        """``hidden``: the units of each hidden layer; ``order``: the dimensions, the one drawn first at the front.

        Raises
        ------
        ValueError
            If there is no hidden layer or no ordering, or if the order does not name each dimension once.
        """
        super().__init__(event_shape, levels)
        if order is not None:
            if sorted(order) != list(range(self.dimensions)):
                raise ValueError(f"MADE: order must name each of {self.dimensions} dimensions once, was {list(order)}")
            self.order = list(order)
        if not hidden or orderings < 1:
            raise ValueError(f"MADE: hidden and orderings must not be empty, were {tuple(hidden)} and {orderings}")
        random = torch.Generator().manual_seed(0)
        self.orderings = [self.order]
        self.orderings += [torch.randperm(self.dimensions, generator=random).tolist() for _ in range(orderings - 1)]
        self.ordering: int | None = 0 if orderings == 1 else None
        sizes = [self.dimensions, *hidden, self.dimensions * self.outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        masks = [made_masks(order, hidden) for order in self.orderings]
        self.reaches: list[list[Reach]] = []  # of each layer's masks
        for i in range(len(self.layers)):
            distinct = masks if i in (0, len(hidden)) else masks[:1]  # hidden units have the same degrees in any order
            mask = torch.stack([of_order[i] for of_order in distinct]).float()  # (M or 1, outputs, inputs)
            if i == len(hidden):
                mask = mask.repeat_interleave(self.outputs, dim=1)
            self.register_buffer(f"mask_{i}", mask, persistent=False)
            self.reaches.append([reach_of(of_order) for of_order in mask])

    @contextmanager
    def in_order(self, m: int) -> Iterator[None]:
        """In a ``with model.in_order(m):`` the model is the m-th part of the mixture alone, with its ordering."""
        before = self.ordering, self.order
        self.ordering, self.order = m, self.orderings[m]
        try:
            yield
        finally:
            self.ordering, self.order = before

    def logits(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of all conditionals of one ordering, (B, *event) or (B, *event, levels)."""
        *inner, last = zip(self._weights(), self._biases(), self._masks(), self._reaches(), strict=True)
        h = x.flatten(1)  # (B, D)
        for layer in inner:
            h = masked_linear(h, *layer).relu()  # (B, units)
        return self._shaped(masked_linear(h, *last))

    def steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The logits of one dimension after the other, (B, outputs) each.

        A unit of degree i is computed once, when i dimensions are known: all steps together cost one pass.
        """
        weights = [weight * mask for weight, mask in zip(self._weights(), self._masks(), strict=True)]
        biases = self._biases()
        known = torch.arange(self.dimensions)
        ends = [  # how many units of each layer know no more than the first i dimensions
            torch.searchsorted(hidden_degrees(len(bias), self.dimensions), known, right=True).tolist()
            for bias in biases[:-1]
        ]
        maps = [x.new_zeros(len(x), len(bias)) for bias in biases[:-1]]  # (B, units)
        for i, d in enumerate(self.order):
            below = x.flatten(1)  # what is not known yet is masked
            for h, end, weight, bias in zip(maps, ends, weights, biases, strict=False):
                new = slice(end[i - 1] if i > 0 else 0, end[i])
                h[:, new] = linear(below, weight[new, : below.shape[1]], bias[new]).relu()
                below = h[:, : end[i]]
            own = slice(d * self.outputs, (d + 1) * self.outputs)
            yield linear(below, weights[-1][own, : below.shape[1]], biases[-1][own])

    def log_prob(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(x) in nats, exact, shape (B,): the logarithm of the mean of the orderings' probabilities."""
        if self.ordering is not None:
            return super().log_prob(x, labels)
        parts = []
        for m in range(len(self.orderings)):
            with self.in_order(m):
                parts.append(super().log_prob(x, labels))  # (B,)
        return torch.stack(parts).logsumexp(dim=0) - math.log(len(parts))

    def loss(self, batch: Tensor) -> Tensor:
        """The mean negative log-likelihood in nats per example.

        In training, that of one ordering drawn for each batch: on average no less than the mixture's.
        """
        if self.ordering is not None or not self.training:
            return super().loss(batch)
        with self.in_order(int(torch.randint(len(self.orderings), ()))):
            return super().loss(batch)

    @torch.no_grad()
    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None, cached: bool = True
    ) -> Tensor:
        """``n`` draws, shape (n, *event), as `Autoregressive.sample`; in a mixture, each in an ordering of its own."""
        if self.ordering is not None:
            return super().sample(n, labels=labels, generator=generator, cached=cached)
        uniform = self._uniform(n, self.dimensions + 1, generator)  # (n, D + 1)
        which = (uniform[:, -1] * len(self.orderings)).long().tolist()
        x = next(self.parameters()).new_zeros(n, *self.event_shape)
        for m in set(which):
            rows = [row for row in range(n) if which[row] == m]
            with self.in_order(m):
                x[rows] = self._draw(x[rows], uniform[rows, :-1], labels, cached=cached)
        return x

    def _counted(self, known: Tensor) -> Tensor:
        return super()._counted(known) if self.ordering is not None else torch.ones_like(known)

    def _log_prob_counted(self, x: Tensor, counted: Tensor, labels: Tensor | None) -> Tensor:
        if self.ordering is not None:
            return super()._log_prob_counted(x, counted, labels)
        return self.log_prob(x)  # a part may have the last known dimension anywhere: nothing is left out

    def _masks(self) -> list[Tensor]:
        """Each layer's mask in the present ordering, (outputs, inputs)."""
        masks = [self.get_buffer(f"mask_{i}") for i in range(len(self.layers))]
        return [mask[(self.ordering or 0) % len(mask)] for mask in masks]

    def _reaches(self) -> list[Reach]:
        return [reaches[(self.ordering or 0) % len(reaches)] for reaches in self.reaches]

    def _weights(self) -> list[Tensor]:
        return [layer.get_parameter("weight") for layer in self.layers]

    def _biases(self) -> list[Tensor]:
        return [layer.get_parameter("bias") for layer in self.layers]

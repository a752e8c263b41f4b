"""The histogram as a density."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from coursekit.density.rows import check_fitted, rows_like, training_rows
from coursekit.training.model import ExplicitDensity


class Histogram(ExplicitDensity):
    r"""A density that is constant on the cells of a grid, with the heights of greatest likelihood.

    .. math:: p(x) = \frac{n_b}{N\, w^D} \quad \text{for } x \text{ in cell } b

    Of the N training points, n_b lie in cell b. A cell is a cube of side w. In each dimension its lower edge is a whole
    multiple of w and belongs to it; its upper edge belongs to the next cell. The grid has no end, so no point lies
    outside. Only cells with a point are stored. In any other cell the density is zero, and ``log_prob`` minus infinity.

    ``width``: the side w, in the units of the data.

    Source: Scott (2015), *Multivariate Density Estimation*, chapter 3.
    """

    cells: Tensor
    counts: Tensor

    def __init__(self, width: float) -> None:
        super().__init__()
        if not 0 < width < math.inf:
            raise ValueError(f"width is {width} and must be positive and finite")
        self.width = width
        self.event_shape = torch.Size()
        self.register_buffer("cells", torch.empty(0, 0))  # (M, D): the occupied cells, by their whole numbers
        self.register_buffer("counts", torch.empty(0))  # (M,): how many points are in each

    def fit(self, x: Tensor) -> Self:
        """Count the points ``x``, (N, *event), in their cells; returns the histogram itself.

        Raises:
            ValueError: when x holds no example, no floating-point numbers, or a number that is not finite.
        """
        rows, self.event_shape = training_rows(x)
        self.cells, counts = self._cell(rows).unique(dim=0, return_counts=True)  # (M, D), (M,)
        self.counts = counts.to(rows)
        return self

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, shape (B,), for points of shape (B, *event); -inf in a cell without a training point."""
        rows = rows_like(self.cells, self.event_shape, x)  # (B, D)
        known = len(self.cells)
        number = torch.cat([self.cells, self._cell(rows)]).unique(dim=0, return_inverse=True)[1]  # (M + B,)
        counts = self.counts.new_zeros(len(number)).index_put((number[:known],), self.counts)  # by number
        log_volume = rows.shape[1] * math.log(self.width)
        return counts[number[known:]].log() - self.counts.sum().log() - log_volume

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws, shape (n, *event): a cell by its count, then a uniform point in it."""
        check_fitted(self.cells)
        cell = torch.multinomial(self.counts, n, replacement=True, generator=generator)  # (n,)
        place = torch.rand(n, self.cells.shape[1], generator=generator, dtype=self.cells.dtype, device=cell.device)
        return (self.width * (self.cells[cell] + place)).reshape(n, *self.event_shape)

    def _cell(self, rows: Tensor) -> Tensor:
        """The whole numbers of the cell of each row, (B, D)."""
        return torch.floor(rows / self.width)

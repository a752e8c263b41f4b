"""The kernel density estimate: a small Gaussian on every training point."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from coursekit.density.rows import check_fitted, rows_like, training_rows
from coursekit.training.model import ExplicitDensity

_ENTRIES = 2**20  # distances that are held at once: 8 MB


class KernelDensity(ExplicitDensity):
    r"""A mixture of equal, round Gaussians, one on each of the N training points.

    .. math:: p(x) = \frac{1}{N} \sum_{i=1}^{N} \mathcal{N}(x;\, x_i,\, h^2 I)

    ``bandwidth``: the standard deviation h, in the units of the data. On the training points themselves the likelihood
    grows without bound as h goes to zero, so choose h by `leave_one_out` or by held-out points.

    Source: Rosenblatt (1956); Parzen (1962).
    """

    points: Tensor

    def __init__(self, bandwidth: float) -> None:
        super().__init__()
        if not 0 < bandwidth < math.inf:
            raise ValueError(f"bandwidth is {bandwidth} and must be positive and finite")
        self.bandwidth = bandwidth
        self.event_shape = torch.Size()
        self.register_buffer("points", torch.empty(0, 0))  # (N, D)

    def fit(self, x: Tensor) -> Self:
        """Keep the points ``x``, (N, *event); returns the density itself.

        Raises:
            ValueError: when x holds no example, no floating-point numbers, or a number that is not finite.
        """
        rows, self.event_shape = training_rows(x)
        self.points = rows.clone()
        return self

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, shape (B,), for points of shape (B, *event)."""
        rows = rows_like(self.points, self.event_shape, x)  # (B, D)
        chunks = rows.split(max(1, _ENTRIES // len(self.points)))
        total = torch.cat([self._log_kernels(chunk).logsumexp(dim=1) for chunk in chunks])  # (B,)
        return (total - math.log(len(self.points))).to(rows)

    def leave_one_out(self) -> Tensor:
        r"""The log density of each training point under the kernels of all others, in nats, shape (N,).

        .. math:: \log p_{-i}(x_i) = \log \frac{1}{N - 1} \sum_{j \ne i} \mathcal{N}(x_i;\, x_j,\, h^2 I)

        Raises:
            ValueError: when there are fewer than two points.
        """
        n = len(self.points)
        if n < 2:
            raise ValueError(f"leave_one_out needs at least 2 training points, has {n}")
        chunks = torch.arange(n, device=self.points.device).split(max(1, _ENTRIES // n))
        others = []
        for chunk in chunks:  # (C,): numbers of points
            log_kernels = self._log_kernels(self.points[chunk])  # (C, N)
            log_kernels[torch.arange(len(chunk)), chunk] = -math.inf  # a point's own kernel does not count
            others.append(log_kernels.logsumexp(dim=1))
        return (torch.cat(others) - math.log(n - 1)).to(self.points)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws, shape (n, *event): a training point at random, and Gaussian noise of the bandwidth."""
        check_fitted(self.points)
        kernel = torch.randint(len(self.points), (n,), generator=generator, device=self.points.device)  # (n,)
        centre = self.points[kernel]  # (n, D)
        noise = torch.randn(centre.shape, generator=generator, dtype=centre.dtype, device=centre.device)  # (n, D)
        return (centre + self.bandwidth * noise).reshape(n, *self.event_shape)

    def _log_kernels(self, rows: Tensor) -> Tensor:
        """The log density of each row (B, D) under each point's kernel, (B, N), in float64.

        In many dimensions distances come from a matrix product, which is faster by far. It subtracts large numbers to
        get small ones, so it needs float64; in few dimensions differences are squared and summed, without such a loss.
        """
        mode = "donot_use_mm_for_euclid_dist" if rows.shape[1] < 32 else "use_mm_for_euclid_dist"
        distances = torch.cdist(rows.double(), self.points.double(), compute_mode=mode)  # (B, N)
        log_constant = rows.shape[1] * (math.log(self.bandwidth) + 0.5 * math.log(2 * math.pi))
        return -0.5 * (distances / self.bandwidth).square() - log_constant

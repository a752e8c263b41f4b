"""Clusters around centres: what expectation-maximisation becomes when Gaussians shrink, and where it starts."""

from __future__ import annotations

import torch
from torch import Tensor


def k_means(x: Tensor, clusters: int, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    r"""Centres, shape (K, D), and the number of the nearest of them for each point, shape (N,).

    .. math:: \min_{\mu, k} \; \sum_{n=1}^{N} |x_n - \mu_{k(n)}|^2

    Lloyd's algorithm: each point goes to the nearest centre, each centre to the mean of its points, until no point
    changes sides. It finds a local minimum. The first centres are those of `k_means_start`.

    Source: Lloyd (1982).

    Raises
    ------
    ValueError
        If ``x`` is not of shape (N, D), or has fewer different points than there are clusters.
    """
    centres = k_means_start(x, clusters, generator=generator)  # (K, D)
    nearest = torch.cdist(x, centres).argmin(dim=1)  # (N,)
    for _ in range(100):
        sums = centres.new_zeros(centres.shape).index_add_(0, nearest, x)  # (K, D)
        counts = nearest.bincount(minlength=clusters).unsqueeze(1)  # (K, 1)
        centres = torch.where(counts > 0, sums / counts, centres)  # a centre without points stays
        before, nearest = nearest, torch.cdist(x, centres).argmin(dim=1)  # (N,), (N,)
        if torch.equal(before, nearest):
            break
    return centres, nearest


def k_means_start(x: Tensor, clusters: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Points of ``x`` that lie apart, shape (K, D): each is drawn by its squared distance to those drawn before.

    Source: Arthur and Vassilvitskii (2007), "k-means++".

    Raises
    ------
    ValueError
        As `k_means`.
    """
    if x.ndim != 2:
        raise ValueError(f"x has shape {tuple(x.shape)} and must have shape (N, D)")
    if not 1 <= clusters <= len(x):
        raise ValueError(f"clusters is {clusters} and must be from 1 to the number of points, {len(x)}")
    drawn = torch.randint(len(x), (1,), generator=generator, device=x.device)  # (1,)
    centres = x[drawn]  # (1, D)
    squares = (x - centres).square().sum(dim=1)  # (N,), to the nearest centre
    for _ in range(clusters - 1):
        if not squares.any():
            raise ValueError(f"x has only {len(centres)} different points and must have one for each of {clusters}")
        cumulative = squares.cumsum(dim=0)  # (N,)
        uniform = torch.rand(1, generator=generator, device=x.device, dtype=x.dtype)  # (1,)
        drawn = torch.searchsorted(cumulative, uniform * cumulative[-1], right=True).clamp(max=len(x) - 1)  # (1,)
        centres = torch.cat([centres, x[drawn]])  # (k, D)
        squares = torch.minimum(squares, (x - x[drawn]).square().sum(dim=1))  # (N,)
    return centres

"""Metrics by nearest neighbours: fidelity and diversity apart, and a check against memorising."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.evaluation.features import Features, RawValues
from coursekit.evaluation.score import Score

BLOCK = 2**22
"""Distances held at once: 32 MB."""
_SLACK = 1 + 1e-9  # a point on the surface of a ball is inside, whichever way it was rounded


class PrecisionRecall(NamedTuple):
    """Two scores in [0, 1]."""

    precision: Score
    recall: Score


class DensityCoverage(NamedTuple):
    """Two scores: density, at least 0 and 1 for equal distributions, and coverage in [0, 1]."""

    density: Score
    coverage: Score


class Neighbours(NamedTuple):
    """The nearest training examples of each example: ``distances`` (B, k), nearest first, and ``indices`` (B, k)."""

    distances: Tensor
    indices: Tensor


def nearest_neighbours(x: Tensor, training: Tensor, k: int = 1, features: Features | None = None) -> Neighbours:
    """The ``k`` examples of ``training`` (N, ...) nearest to each of ``x`` (B, ...): are samples copies of them?

    Euclidean distances between ``features``, by default the raw values (pixels). A distance of 0 is a copy. What a
    small one is, the distances of held-out real examples to the same training set tell.

    Raises
    ------
    ValueError
        If the events' shapes differ, a value is not finite or ``k`` is not between 1 and N.
    """
    a, b = _pair("x", x, "training", training, features or RawValues())  # (B, F), (N, F)
    if not 1 <= k <= len(b):
        raise ValueError(f"k is {k} and must be between 1 and {len(b)}, the number of training examples")
    blocks = [squares.topk(k, dim=1, largest=False) for _, squares in _squared_distances(a, b)]
    distances = torch.cat([block.values for block in blocks]).sqrt()  # (B, k)
    return Neighbours(distances, torch.cat([block.indices for block in blocks]))


def precision_recall(real: Tensor, generated: Tensor, features: Features, *, split: str, k: int = 3) -> PrecisionRecall:
    r"""How many generated examples look real, and how much of the real ones is generated.

    Around each example of a set lies a ball that reaches to its ``k``-th nearest neighbour in the set; the balls
    together stand for where the set's distribution is. Precision is the share of generated examples in a ball of the
    real ones, recall the share of real examples in a ball of the generated ones:

    .. math:: \frac{1}{M} \sum_{j=1}^{M} 1\Big[\exists i : \lVert y_j - x_i \rVert \le r_k(x_i)\Big], \qquad
              \frac{1}{N} \sum_{i=1}^{N} 1\Big[\exists j : \lVert x_i - y_j \rVert \le r_k(y_j)\Big]

    for features x_i of ``real`` (N, ...) and y_j of ``generated`` (M, ...). A single outlier has a large ball, which
    flatters.

    Source: Kynkäänniemi et al. (2019); k = 3 is theirs.

    Raises
    ------
    ValueError
        If the events' shapes differ, a value is not finite or a set has no k + 1 examples.
    """
    x, y = _pair("real", real, "generated", generated, features)  # (N, F), (M, F)
    radii_x, radii_y = _squared_radii("real", x, k), _squared_radii("generated", y, k)  # (N,), (M,)
    in_real = torch.zeros(len(y), dtype=torch.bool, device=x.device)  # (M,)
    in_generated = torch.zeros(len(x), dtype=torch.bool, device=x.device)  # (N,)
    for rows, squares in _squared_distances(x, y):  # squares (C, M)
        in_real |= (squares <= _SLACK * radii_x[rows].unsqueeze(1)).any(dim=0)
        in_generated[rows] = (squares <= _SLACK * radii_y).any(dim=1)
    return PrecisionRecall(
        _score(f"precision (k = {k})", in_real.double().mean(), x, y, split, features),
        _score(f"recall (k = {k})", in_generated.double().mean(), x, y, split, features),
    )


def density_coverage(real: Tensor, generated: Tensor, features: Features, *, split: str, k: int = 5) -> DensityCoverage:
    r"""Precision and recall made robust to outliers: both with the balls of the real examples.

    .. math:: \text{density} &= \frac{1}{k M} \sum_{j=1}^{M} \sum_{i=1}^{N}
              1\big[\lVert y_j - x_i \rVert \le r_k(x_i)\big] \\
              \text{coverage} &= \frac{1}{N} \sum_{i=1}^{N} 1\Big[\min_j \lVert y_j - x_i \rVert \le r_k(x_i)\Big]

    Density counts how many balls each generated example is in, so that an outlier's large ball is one among many; it
    may exceed 1, where samples crowd at the densest places. Coverage is the share of balls that hold a sample. For
    equal distributions and N = M the expectations are 1 and
    :math:`1 - \prod_{i=1}^{k} (N - i) / (2N - i)`, 0.97 for k = 5.

    Source: Naeem et al. (2020); k = 5 is theirs.

    Raises
    ------
    ValueError
        If the events' shapes differ, a value is not finite or ``real`` has no k + 1 examples.
    """
    x, y = _pair("real", real, "generated", generated, features)  # (N, F), (M, F)
    radii = _squared_radii("real", x, k)  # (N,)
    held = torch.zeros(len(x), dtype=torch.float64, device=x.device)  # (N,), samples in each ball
    for rows, squares in _squared_distances(x, y):  # squares (C, M)
        held[rows] = (squares <= _SLACK * radii[rows].unsqueeze(1)).double().sum(dim=1)
    return DensityCoverage(
        _score(f"density (k = {k})", held.sum() / (k * len(y)), x, y, split, features),
        _score(f"coverage (k = {k})", (held > 0).double().mean(), x, y, split, features),
    )


def _squared_distances(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Squared distances from some rows of ``a`` (N, F) at a time to all of ``b`` (M, F): the rows, and (C, M)."""
    squares_b = b.square().sum(dim=1)  # (M,)
    step = max(1, BLOCK // len(b))
    for start in range(0, len(a), step):
        chunk = a[start : start + step]  # (C, F)
        sizes = chunk.square().sum(dim=1, keepdim=True) + squares_b  # (C, M)
        squares = sizes - 2 * chunk @ b.T  # (C, M)
        # What rounding leaves of two equal points is no distance: a copy is at distance 0.
        yield slice(start, start + step), torch.where(squares > 1e-13 * sizes, squares, 0.0)


def _squared_radii(name: str, x: Tensor, k: int) -> Tensor:
    """The squared distance from each of ``x`` (N, F) to its k-th nearest neighbour among the others, shape (N,)."""
    if not 1 <= k < len(x):
        raise ValueError(f"k is {k} and must be between 1 and {len(x) - 1}: {name} has {len(x)} examples")
    # The nearest of all is the point itself, or a copy at the same distance 0.
    radii = [squares.topk(k + 1, dim=1, largest=False).values[:, k] for _, squares in _squared_distances(x, x)]
    return torch.cat(radii)


def _pair(name_a: str, a: Tensor, name_b: str, b: Tensor, features: Features) -> tuple[Tensor, Tensor]:
    """The feature vectors of both in float64, moved so that the mean of the second is zero: (N, F) and (M, F)."""
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"{name_a} has examples of shape {tuple(a.shape[1:])} and {name_b} of {tuple(b.shape[1:])}")
    vectors = []
    for name, x in ((name_a, a), (name_b, b)):
        if len(x) == 0:
            raise ValueError(f"{name} has no examples and must have at least one")
        with torch.no_grad():
            vectors.append(features.features(x).double())
        if not vectors[-1].isfinite().all():
            raise ValueError(f"{name} has features that are not finite and must have none")
    centre = vectors[1].mean(dim=0)  # (F,); distances from differences of large numbers would lose digits
    return vectors[0] - centre, vectors[1] - centre


def _score(metric: str, value: Tensor, x: Tensor, y: Tensor, split: str, features: Features) -> Score:
    return Score(metric, value.item(), len(x), len(y), split, features.name)

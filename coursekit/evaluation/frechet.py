"""The Fréchet distance between two sets of examples, and how it depends on their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from coursekit.evaluation.features import Features
from coursekit.evaluation.score import Score


def frechet_distance(mean_a: Tensor, covariance_a: Tensor, mean_b: Tensor, covariance_b: Tensor) -> Tensor:
    r"""The squared Fréchet (Wasserstein-2) distance between two Gaussians, shape (), float64.

    .. math:: d^2 = \lVert \mu_a - \mu_b \rVert^2 + \operatorname{tr}\Big(\Sigma_a + \Sigma_b
              - 2 \big(\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2}\big)^{1/2}\Big)

    Means of shape (F,), covariances of shape (F, F); the unit is that of the features, squared. The product under the
    root is symmetric: its eigenvalues are real, and none is negative but by rounding. Covariances may be singular.

    Source: Dowson and Landau (1982); for judging generated images: Heusel et al. (2017).

    Raises
    ------
    ValueError
        If shapes do not fit, or a covariance is not finite, not symmetric or has a negative eigenvalue.
    """
    size = mean_a.shape[0] if mean_a.ndim == 1 else -1
    shapes = {"mean_a": mean_a, "covariance_a": covariance_a, "mean_b": mean_b, "covariance_b": covariance_b}
    for name, tensor in shapes.items():
        wanted = (size,) if name.startswith("mean") else (size, size)
        if size < 1 or tensor.shape != wanted:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; means must have shape (F,), covariances (F, F)")
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has values that are not finite and must have none")
    mean_a, mean_b = mean_a.double(), mean_b.double()  # (F,), (F,)
    covariance_a, covariance_b = covariance_a.double(), covariance_b.double()  # (F, F), (F, F)
    root = _root("covariance_a", covariance_a)  # (F, F)
    _root("covariance_b", covariance_b)  # checked alike
    squares = torch.linalg.eigvalsh(root @ covariance_b @ root)  # (F,)
    trace = covariance_a.trace() + covariance_b.trace() - 2 * squares.clamp(min=0).sqrt().sum()
    return ((mean_a - mean_b).square().sum() + trace).clamp(min=0)


def fid(real: Tensor, generated: Tensor, features: Features, *, split: str) -> Score:
    """Fréchet distance between Gaussians fitted to the features of two sets of examples; lower is better, 0 is equal.

    ``real`` (N, ...), ``generated`` (M, ...): examples as ``features`` takes them. ``split`` names the part of the data
    that ``real`` is: it is part of the result.

    It sees means and covariances of the features and nothing else. It is biased upwards, about as 1 / N + 1 / M
    (`fid_at`, `fid_infinity`): compare at equal numbers only. "FID" is Inception's; with other features the name of the
    features belongs to the number.

    Source: Heusel et al. (2017).

    Raises
    ------
    ValueError
        If a set has fewer than two examples or features that are not finite.
    """
    a, b = _features("real", real, features), _features("generated", generated, features)  # (N, F), (M, F)
    return _score(a, b, features, split)


def fid_at(
    real: Tensor,
    generated: Tensor,
    features: Features,
    sizes: Sequence[int],
    *,
    split: str,
    generator: torch.Generator | None = None,
) -> list[Score]:
    """`fid` of random subsets of ``generated``, one of each of the ``sizes``, against all of ``real``."""
    a, b = _features("real", real, features), _features("generated", generated, features)  # (N, F), (M, F)
    for size in sizes:
        if not 2 <= size <= len(b):
            raise ValueError(f"sizes has {size} and must have whole numbers from 2 to {len(b)}, the number generated")
    subsets = [b[torch.randperm(len(b), generator=generator)[:size].to(b.device)] for size in sizes]
    return [_score(a, subset, features, split) for subset in subsets]


def fid_infinity(
    real: Tensor,
    generated: Tensor,
    features: Features,
    *,
    split: str,
    points: int = 15,
    generator: torch.Generator | None = None,
) -> Score:
    """`fid` extrapolated to infinitely many generated examples.

    The bias falls as 1 / M: a line through the values of ``points`` subsets, from a tenth of ``generated`` to all of
    it, against 1 / M meets the axis at M = infinity. The bias that comes from the number of real examples stays.

    Source: Chong and Forsyth (2020), with random subsets.

    Raises
    ------
    ValueError
        If there are fewer than 100 generated examples or two points.
    """
    if len(generated) < 100:
        raise ValueError(f"generated has {len(generated)} examples and must have at least 100 to extrapolate from")
    if points < 2:
        raise ValueError(f"points is {points} and must be at least 2")
    sizes = torch.linspace(len(generated) / 10, len(generated), points, dtype=torch.float64).long().tolist()
    scores = fid_at(real, generated, features, sizes, split=split, generator=generator)
    inverse = 1 / torch.tensor(sizes, dtype=torch.float64)  # (P,)
    values = torch.tensor([score.value for score in scores], dtype=torch.float64)  # (P,)
    line = torch.stack([torch.ones_like(inverse), inverse], dim=1)  # (P, 2)
    intercept = torch.linalg.lstsq(line, values.unsqueeze(1)).solution[0].item()
    return replace(scores[-1], metric="FID extrapolated to infinitely many generated", value=intercept)


def _features(name: str, x: Tensor, features: Features) -> Tensor:
    """The feature vectors in float64, shape (N, F)."""
    if len(x) < 2:
        raise ValueError(f"{name} has {len(x)} examples and must have at least 2")
    with torch.no_grad():
        vectors = features.features(x).double()  # (N, F)
    if not vectors.isfinite().all():
        raise ValueError(f"{name} has features that are not finite and must have none")
    return vectors


def _score(a: Tensor, b: Tensor, features: Features, split: str) -> Score:
    # atleast_2d: torch gives the covariance of a single feature as a number
    value = frechet_distance(a.mean(dim=0), torch.atleast_2d(a.T.cov()), b.mean(dim=0), torch.atleast_2d(b.T.cov()))
    return Score("FID", value.item(), len(a), len(b), split, features.name)


def _root(name: str, covariance: Tensor) -> Tensor:
    """The symmetric square root, shape (F, F)."""
    scale = covariance.abs().max()
    if (covariance - covariance.T).abs().max() > 1e-6 * scale:
        raise ValueError(f"{name} is not symmetric and must be")
    values, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)  # (F,), (F, F)
    if values[0] < -1e-6 * scale:
        raise ValueError(f"{name} has the eigenvalue {values[0].item():.3g} and must have none below zero")
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T

"""Data as rows, for densities that are fitted in one go."""

from __future__ import annotations

from torch import Size, Tensor


def training_rows(x: Tensor) -> tuple[Tensor, Size]:
    """``x`` of shape (N, *event) as rows (N, D), and the shape of the event, () where each example is a number.

    Raises:
        ValueError: when x holds no example, no floating-point numbers, or a number that is not finite.
    """
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"x has shape {tuple(x.shape)} and must have shape (N, *event) with N at least 1")
    if not x.is_floating_point():
        raise ValueError(f"x has dtype {x.dtype} and must hold floating-point numbers")
    if not x.isfinite().all():
        raise ValueError("x has a value that is infinite or no number; all must be finite")
    return x.detach().reshape(len(x), -1), x.shape[1:]


def check_fitted(points: Tensor) -> None:
    """Refuses, with a RuntimeError, a density that has no training rows ``points`` yet."""
    if len(points) == 0:
        raise RuntimeError("the density was not fitted; call fit(x) first")


def rows_like(points: Tensor, event_shape: Size, x: Tensor) -> Tensor:
    """``x`` of shape (B, *event) as rows (B, D), in the dtype and on the device of the training rows ``points``.

    Raises:
        ValueError: when the shape of x is not (B, *event).
        RuntimeError: when there are no training rows yet.
    """
    check_fitted(points)
    if x.ndim == 0 or x.shape[1:] != event_shape:
        raise ValueError(f"x has shape {tuple(x.shape)} and must have shape {('B', *event_shape)}".replace("'", ""))
    return x.to(points).reshape(len(x), points.shape[1])

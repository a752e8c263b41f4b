"""Feedback for students: an answer is right, or the mistake has a name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Value = Tensor | float | Callable[[], Any]


def check(
    question: str,
    answer: Value,
    right: Value,
    mistakes: Mapping[str, Value] | None = None,
    *,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Print whether ``answer`` is right and, where it is not, which known mistake explains it.

    ``answer``, ``right`` and the values of ``mistakes`` are numbers, tensors or functions of no arguments that return
    one. ``mistakes`` maps a message to the value that the mistake leads to; nan stands for nan. Where ``right`` is a
    tensor in float64, an answer in float32 is not yet right. Nothing is raised: an unfinished question must not stop a
    notebook that is run from top to bottom. This is feedback, not a mark.
    """
    try:
        given = answer() if callable(answer) else answer
    except NotImplementedError:
        print(f"{question}: not yet: there is no answer here so far")
        return
    except Exception as error:  # whatever the student's code raises is told to the student
        print(f"{question}: not yet: your code raised {type(error).__name__}: {error}")
        return
    print(f"{question}: {_verdict(given, right() if callable(right) else right, mistakes or {}, rtol, atol)}")


def _verdict(answer: Any, right: Any, mistakes: Mapping[str, Value], rtol: float, atol: float) -> str:
    if answer is None:
        return "not yet: your answer is None; does your function end without a `return`?"
    if not isinstance(answer, bool | int | float | Tensor):
        return f"not yet: your answer is a {type(answer).__name__}; it must be a tensor or a number"
    given, wanted = _numbers(answer), _numbers(right)
    for message, value in mistakes.items():
        # A mistake that happens to give the right value at this input cannot be told from a right answer.
        mistaken = _numbers(value() if callable(value) else value)
        if _close(given, mistaken, rtol, atol) and not _close(mistaken, wanted, rtol, atol):
            return f"not yet: {message}"
    if given.shape != wanted.shape:
        return f"not yet: your answer has shape {tuple(given.shape)}; it must be {tuple(wanted.shape)}"
    if given.isnan().any():
        return "not yet: your answer contains nan"
    if given.isinf().any() and not wanted.isinf().any():
        return "not yet: your answer overflows to infinity"
    if _close(given, wanted, rtol, atol):
        if _type(right) == torch.float64 and _type(answer) == torch.float32:
            return "not yet: your answer is in float32; it must be in float64"
        return "right"
    if _close(given, -wanted, rtol, atol):
        return "not yet: the sign is turned round"
    apart = torch.where(given == wanted, 0.0, given - wanted)  # inf - inf is nan, and no distance
    difference = apart.abs().nan_to_num(math.inf, posinf=math.inf).max().item()
    return f"not yet: it differs from the right answer by up to {difference:.3g}"


def _type(value: Any) -> torch.dtype | None:
    return value.dtype if isinstance(value, Tensor) else None


def _numbers(value: Any) -> Tensor:
    return torch.as_tensor(value).detach().to(torch.float64)


def _close(a: Tensor, b: Tensor, rtol: float, atol: float) -> bool:
    return a.shape == b.shape and bool(torch.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True).all())

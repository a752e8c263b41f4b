"""Claims and identities: what a chapter states is checked where it is stated."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

CLAIM_MIME_TYPE = "application/vnd.coursekit.claim+json"


class ClaimError(AssertionError):
    """A claim of the lectures did not hold in the experiment that measures it."""


class IdentityError(AssertionError):
    """The two sides of a labelled equation differ."""


def claim(
    id: str,
    statement: str,
    holds: bool | Tensor,
    evidence: str,
    verdict: Literal["holds", "qualified", "refuted"] = "holds",
) -> None:
    """Measure a claim of the lecture map: print one line and leave a record for the Claims page.

    ``statement`` is what *we* state after the experiment and ``holds`` whether the experiment bears it out.
    ``verdict`` says how that leaves the lecture's own claim: it ``"holds"``, it is ``"qualified"`` (true only
    under conditions that ``statement`` names), or it is ``"refuted"``.

    Raises
    ------
    ClaimError
        If ``holds`` is false: the page would otherwise state what its own cell has just disproved.
    ValueError
        If ``verdict`` is none of the three words.
    """
    if verdict not in ("holds", "qualified", "refuted"):
        raise ValueError(f"claim: verdict must be 'holds', 'qualified' or 'refuted', was {verdict!r}")
    if not bool(holds):
        raise ClaimError(f"{id}: {statement} - does not hold: {evidence}")
    line = f"{id} {verdict}: {statement} - measured: {evidence}"
    record = {"id": id, "statement": statement, "evidence": evidence, "verdict": verdict}
    _display({"text/plain": line, CLAIM_MIME_TYPE: record})


def identity(
    label: str,
    left: Tensor | float,
    right: Tensor | float,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """Check the labelled equation ``label`` numerically: its two sides, number by number.

    ``left`` and ``right`` are numbers or tensors of the same shape. A Monte Carlo side needs a tolerance of a few
    standard errors; an exact one the precision of its floats.

    Raises
    ------
    IdentityError
        If any pair differs by more than ``atol + rtol * abs(right)``, or the shapes differ.
    """
    left = torch.as_tensor(left, dtype=torch.float64).detach().cpu()
    right = torch.as_tensor(right, dtype=torch.float64).detach().cpu()
    if left.shape != right.shape:
        raise IdentityError(f"{label}: left has shape {tuple(left.shape)}, right {tuple(right.shape)}; they must match")
    agree = torch.isclose(left, right, rtol=rtol, atol=atol)
    if not agree.all():
        worst = (left - right).abs().max().item()
        raise IdentityError(
            f"{label}: {int((~agree).sum())} of {left.numel()} values differ, by up to {worst:.3g} "
            f"(allowed: atol {atol:g} + rtol {rtol:g})"
        )
    if left.numel() == 1:
        print(
            f"{label}: left {_four_digits(left)}, right {_four_digits(right)}; equal within {atol:g} + {rtol:g} |right|"
        )
    else:
        print(f"{label}: both sides agree at {left.numel()} points, within {atol:g} + {rtol:g} |right|")


def _four_digits(value: Tensor) -> str:
    return f"{value.item():.4g}"


def _display(bundle: dict[str, object]) -> None:
    """Show ``bundle`` in a notebook; print its text elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(bundle["text/plain"])
        return
    if get_ipython() is None:
        print(bundle["text/plain"])
    else:
        display(bundle, raw=True)

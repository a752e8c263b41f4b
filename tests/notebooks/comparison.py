"""How nbval compares a notebook's stored outputs with those of a fresh run: a pytest plugin.

Text and whole numbers must be equal. Numbers with a decimal point or an exponent must agree to a relative tolerance of
1e-3, or to the one in the cell's metadata: ``{"coursekit": {"tolerance": 0.05}}``. Durations, memory addresses, random
ids, sound and progress bars do not count. nbval leaves pictures and widgets out; here their number must be the same.
"""

import json
import os
import re
from typing import Any

TOLERANCE = 1e-3
NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w|\.\d)"  # 0.5, -3., 1.2e-7
    r"|(?<![\w.])[-+]?\d+[eE][-+]?\d+(?!\w|\.\d)"  # 1e-5
)
MEANINGLESS = [
    (re.compile(r"data:audio/[\w-]+;base64,[A-Za-z0-9+/=]*"), "SOUND"),
    (re.compile(r"\b0x(?:[0-9a-fA-F]{6,}\b|…)"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(?:ns|µs|μs|us|ms|s|min|seconds?|minutes?)\b(?!\w)"), "DURATION"),
]
PICTURES = ("image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json")


class Approximately(str):
    """A text that equals another when all but its decimal numbers is the same and those are close."""

    tolerance = TOLERANCE

    def __new__(cls, text: str, tolerance: float = TOLERANCE) -> "Approximately":
        """The text and how far apart its numbers may be, relatively."""
        self = super().__new__(cls, text)
        self.tolerance = tolerance
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        if NUMBER.split(self) != NUMBER.split(other):
            return False
        tolerance = max(self.tolerance, getattr(other, "tolerance", 0.0))
        pairs = zip(NUMBER.findall(self), NUMBER.findall(other), strict=True)
        return all(close(float(left), float(right), tolerance) for left, right in pairs)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # closeness is no equivalence


def close(left: float, right: float, tolerance: float) -> bool:
    """Whether two numbers agree relatively; below 1e-12 all are zero."""
    return abs(left - right) <= tolerance * max(abs(left), abs(right)) + 1e-12


def sanitise(value: Any, tolerance: float = TOLERANCE) -> Any:
    """A text, or the JSON of a record, ready to be compared; anything else as it is."""
    if isinstance(value, (dict, list)):
        value = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    for pattern, name in MEANINGLESS:
        value = pattern.sub(name, value)
    return Approximately(value, tolerance)


def pictures(outputs: list[Any]) -> list[int]:
    """How many outputs there are of each kind that nbval does not look at."""
    return [sum(kind in output.get("data", {}) for output in outputs) for kind in PICTURES]


def tolerance_of(cell: Any) -> float:
    """The relative tolerance that a cell's metadata asks for."""
    return float(cell.metadata.get("coursekit", {}).get("tolerance", TOLERANCE))


def pytest_configure(config: Any) -> None:
    """Teach nbval's cells to compare so; nothing happens where nbval is missing."""
    try:
        from nbval.plugin import IPyNbCell
    except ImportError:
        return
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers of pytest-xdist share the cores
    nbval_compares = IPyNbCell.compare_outputs

    from tools.execute import is_progress  # progress bars are left out of stored outputs too

    def compare_outputs(cell: Any, new: list[Any], stored: list[Any], skip_compare: Any = None) -> bool:
        new = [output for output in new if not is_progress(output)]
        stored = [output for output in stored if not is_progress(output)]
        if pictures(new) != pictures(stored):
            cell.comparison_traceback = [
                f"number of {', '.join(PICTURES)}: {pictures(stored)} stored, {pictures(new)} in this run"
            ]
            return False
        return nbval_compares(cell, new, stored, skip_compare)

    IPyNbCell.compare_outputs = compare_outputs
    IPyNbCell.sanitize = lambda cell, text: sanitise(text, tolerance_of(cell.cell))

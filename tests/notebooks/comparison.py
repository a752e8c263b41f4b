"""How nbval compares a notebook's stored outputs with those of a fresh run: a pytest plugin.

Text and whole numbers must be equal. Numbers with a decimal point or an exponent must agree to a relative tolerance
of 1e-3, or to the one in the cell's metadata: ``{"coursekit": {"tolerance": 0.05}}``. Whole numbers that a training
decides (a count, a rounded score) differ between processors: with ``"counts": true`` beside it the tolerance holds
for them too, and they may differ by one. How many spaces stand between two words does not count. Durations, memory
addresses, random ids, sound and progress bars do not count. nbval leaves pictures and widgets out; here their number
must be the same.
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
COUNT = re.compile(r"(?<![\w.,])[-+]?\d+(?![\w]|[.,]\d)")
MEANINGLESS = [
    (re.compile(r" +"), " "),
    (re.compile(r"data:audio/[\w-]+;base64,[A-Za-z0-9+/=]*"), "SOUND"),
    (re.compile(r"\b0x(?:[0-9a-fA-F]{6,}\b|…)"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(?:ns|µs|μs|us|ms|s|min|seconds?|minutes?)\b(?!\w)"), "DURATION"),
]
PICTURES = ("image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json")


class Approximately(str):
    """A text that equals another when all but its decimal numbers is the same and those are close."""

    tolerance, counts = TOLERANCE, False

    def __new__(cls, text: str, tolerance: float = TOLERANCE, counts: bool = False) -> "Approximately":
        """The text, how far apart its numbers may be, relatively, and whether that holds for whole numbers too."""
        self = super().__new__(cls, text)
        self.tolerance, self.counts = tolerance, counts
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        tolerance = max(self.tolerance, getattr(other, "tolerance", 0.0))
        left, right = NUMBER.split(self), NUMBER.split(other)
        pairs = list(zip(NUMBER.findall(self), NUMBER.findall(other), strict=False))
        if not all(close(float(one), float(two), tolerance) for one, two in pairs):
            return False
        if not (self.counts or getattr(other, "counts", False)):
            return left == right
        left, right = "\0".join(left), "\0".join(right)
        whole = [(int(one), int(two)) for one, two in zip(COUNT.findall(left), COUNT.findall(right), strict=False)]
        apart = [abs(one - two) > max(1, tolerance * max(abs(one), abs(two))) for one, two in whole]
        return COUNT.split(left) == COUNT.split(right) and not any(apart)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # closeness is no equivalence


def close(left: float, right: float, tolerance: float) -> bool:
    """Whether two numbers agree relatively; below 1e-12 all are zero."""
    return abs(left - right) <= tolerance * max(abs(left), abs(right)) + 1e-12


def sanitise(value: Any, tolerance: float = TOLERANCE, counts: bool = False) -> Any:
    """A text, or the JSON of a record, ready to be compared; anything else as it is."""
    if isinstance(value, (dict, list)):
        value = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    for pattern, name in MEANINGLESS:
        value = pattern.sub(name, value)
    return Approximately(value, tolerance, counts)


def pictures(outputs: list[Any]) -> list[int]:
    """How many outputs there are of each kind that nbval does not look at."""
    return [sum(kind in output.get("data", {}) for output in outputs) for kind in PICTURES]


def asked_of(cell: Any) -> tuple[float, bool]:
    """The relative tolerance that a cell's metadata asks for, and whether for whole numbers too."""
    asked = cell.metadata.get("coursekit", {})
    return float(asked.get("tolerance", TOLERANCE)), bool(asked.get("counts", False))


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
    IPyNbCell.sanitize = lambda cell, text: sanitise(text, *asked_of(cell.cell))

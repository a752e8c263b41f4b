"""An exercise as marking sees it: the master notebook, the graded tests beside it, the written questions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading import notebook

_HEADING = re.compile(r"^##+ +(?P<text>.+?) *(?:\([\d.]+ points?\))? *$", re.MULTILINE)


@dataclass(frozen=True)
class WrittenQuestion:
    """A question that is answered in words, in a Markdown cell, and marked by hand."""

    name: str
    """The cell's nbgrader id."""
    points: float
    heading: str


@dataclass(frozen=True)
class Exercise:
    """One exercise in its folder, ``solutions/<family>/<exercise>``."""

    name: str
    """`family/exercise`."""
    master: Path
    tests: Path
    written: tuple[WrittenQuestion, ...]
    headings: dict[str, str]
    """The heading above each question, by the question's id, without its points: "Question 1: exactly"."""


def find(name: str, solutions: Path | None = None) -> Exercise:
    """The exercise of a name such as ``density/kl-divergence``.

    Parameters
    ----------
    name
        The exercise's folder below ``solutions``.
    solutions
        The folder of all exercises. Without one, ``solutions`` in the current folder or in the nearest above it.

    Raises
    ------
    FileNotFoundError
        If there is none, or it lacks its master notebook or its one test file; the message lists those that there are.
    """
    if solutions is None:
        here = Path.cwd()
        candidates = [folder / "solutions" for folder in (here, *here.parents)]
        solutions = next((folder for folder in candidates if folder.is_dir()), candidates[0])
    known = names(solutions)
    if name not in known:  # and so no path that climbs
        there = f"there are: {', '.join(known)}" if known else "that folder has no exercises"
        raise FileNotFoundError(f"no exercise {name!r} in {solutions}; {there}")
    folder = (solutions / name).resolve()
    master = folder / f"{folder.name}.ipynb"
    tests = sorted(folder.glob("test_*.py"))
    if not master.is_file():
        raise FileNotFoundError(f"the exercise {name!r} lacks its master notebook, {master}")
    if len(tests) != 1:
        raise FileNotFoundError(f"{folder} must have exactly one file test_*.py, has {len(tests)}")
    headings, written = _questions(master)
    return Exercise(name, master, tests[0], written, headings)


def names(solutions: Path) -> list[str]:
    """The exercises of a folder: ``<family>/<exercise>`` wherever there is a notebook or a test."""
    found = {path.parent for pattern in ("*/*/*.ipynb", "*/*/test_*.py") for path in solutions.glob(pattern)}
    return sorted(folder.relative_to(solutions).as_posix() for folder in found)


def _questions(master: Path) -> tuple[dict[str, str], tuple[WrittenQuestion, ...]]:
    heading, headings, written = "", {}, []
    for cell in notebook.cells(master.read_bytes()):
        if cell.kind == "markdown" and not cell.nbgrader:
            found = _HEADING.findall(cell.source)
            heading = found[-1] if found else heading
        if not cell.nbgrader.get("solution"):
            continue
        name = str(cell.nbgrader["grade_id"])
        headings[name] = heading or name
        if cell.kind == "markdown" and cell.nbgrader.get("grade"):
            written.append(WrittenQuestion(name, float(cell.nbgrader["points"]), headings[name]))
    return headings, tuple(written)

"""Marking by nbgrader's own ``nbgrader autograde``: `Mark` takes the place of its preprocessor ``Execute``.

nbgrader runs a submission with the rights of who calls it, next to the gradebook, and believes what the check cells put
out. With `Mark` nothing of a submission runs in nbgrader's reach. The graded tests give the points, and each check cell
gets an output from which nbgrader reads them. Written answers are marked by hand in nbgrader's formgrader, as ever.

In ``nbgrader_config.py``::

    from coursekit.grading.nbgrader import configure
    configure(c, solutions="/path/to/your/repository/solutions")
"""

from __future__ import annotations

import atexit
import copy
import functools
import json
import math
import tempfile
import threading
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import SCHEMA_VERSION
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_locked, is_solution
from traitlets import Bool, Unicode
from traitlets.config import Config

from coursekit.grading.exercise import Exercise, find, names
from coursekit.grading.grader import Grader
from coursekit.grading.gradescope import lines, notes
from coursekit.grading.result import Result

LOOK_FOR_IT = "*The submission has no cell that is known as the answer to this question. Look for the answer above.*"
_LOCK = threading.Lock()


def configure(config: Config, solutions: str | Path) -> None:
    """Have ``nbgrader autograde`` mark with the graded tests below the folder ``solutions``."""
    config.Mark.solutions = str(solutions)
    config.Autograde.sanitize_preprocessors = [
        "nbgrader.preprocessors.ClearOutput",
        "nbgrader.preprocessors.OverwriteKernelspec",
        "coursekit.grading.nbgrader.Restore",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    config.Autograde.autograde_preprocessors = [
        "coursekit.grading.nbgrader.Mark",
        "nbconvert.preprocessors.ClearMetadataPreprocessor",
        "nbgrader.preprocessors.SaveAutoGrades",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]


class Restore(NbGraderPreprocessor):
    """Gives the cells with points back what they were in the master, in the place of nbgrader's own two preprocessors.

    With those a cell that a student duplicates ends the marking of the whole class, and an answer whose cell lost its
    metadata on the way (Colab, a learning platform) loses its points.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Take all of nbgrader's metadata from the gradebook, nothing but the ids from the submission."""
        masters = master_cells(resources["nbgrader"])
        kept: dict[str, NotebookNode] = {}
        for cell in nb.cells:
            claimed = cell.metadata.pop("nbgrader", None)
            name = claimed.get("grade_id") if isinstance(claimed, dict) else None
            if not isinstance(name, str) or name not in masters:
                continue
            if name not in kept or cell.source != masters[name].source:  # of several, the last that was worked on
                kept[name] = cell
        for name, master in masters.items():
            if name in kept:
                restore(kept[name], master)
            elif is_grade(master):
                nb.cells.append(missing(master))
        return nb, resources


class Mark(NbGraderPreprocessor):
    """Gives each check cell the points of its question, by the graded tests of the exercise of the notebook's name."""

    solutions = Unicode("solutions", help="The folder with <family>/<exercise>/test_*.py").tag(config=True)
    unsafe_no_sandbox = Bool(False, help="Run submissions with your own rights; each result says so").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Mark a notebook that `Restore` has put in order.

        Raises
        ------
        FileNotFoundError
            If no exercise, or more than one, has the notebook's name.
        ValueError
            If the notebook's points are not those of the graded tests.
        RuntimeError
            After an error of the grader. nbgrader then keeps the marks that it has, and names the student at the end.
        """
        about = resources["nbgrader"]
        exercise = self.exercise(about["notebook"])
        result = self.mark(nb, exercise, about["student"])
        self.log.info("%s: %s; seed %s; sha256 %s", result.student, result.status, result.seed, result.sha256)
        if math.isnan(result.score):
            raise RuntimeError(f"{result.student} was not marked: {result.status}")
        if result.needs_review:
            self.log.warning("%s needs review: %s", result.student, "; ".join(notes(result)))
        checks = {question(cell): cell for cell in nb.cells if is_grade(cell) and not is_solution(cell)}
        points = {name: float(cell.metadata.nbgrader["points"]) for name, cell in checks.items()}
        if points != result.questions(lambda test: test.max):
            raise ValueError(f"{exercise.tests} and the notebook's check cells must give each question the same points")
        for name, score in result.questions().items():
            checks[name].outputs = outputs(result, name, score)
        return nb, resources

    def exercise(self, notebook: str) -> Exercise:
        """The one exercise of a notebook's name."""
        solutions = Path(self.solutions)
        found = [name for name in names(solutions) if name.rpartition("/")[2] == notebook]
        if len(found) != 1:
            raise FileNotFoundError(
                f"the folder of solutions must have exactly one exercise named {notebook}; "
                f"{str(solutions.absolute())!r} has {', '.join(found) or 'none'}"
            )
        return find(found[0], solutions)

    def mark(self, nb: NotebookNode, exercise: Exercise, student: str) -> Result:
        """Mark a notebook that is no file yet."""
        with tempfile.TemporaryDirectory() as folder, _LOCK:
            path = Path(folder, "submission.ipynb")
            path.write_text(json.dumps(nb), encoding="utf-8")
            return grader(self.unsafe_no_sandbox).grade(path, exercise.tests, student=student)


@functools.cache
def grader(unsafe_no_sandbox: bool) -> Grader:
    """One grader for all submissions: it takes seconds to start."""
    grader = Grader(unsafe_no_sandbox=unsafe_no_sandbox)
    atexit.register(grader.close)
    return grader


def master_cells(about: dict[str, str]) -> dict[str, NotebookNode]:
    """The cells of the assignment that nbgrader knows by an id, as the students got them."""
    with Gradebook(about["db_url"]) as gradebook:
        notebook = gradebook.find_notebook(about["notebook"], about["assignment"])
        points = {cell.name: cell.max_score for cell in (*notebook.grade_cells, *notebook.task_cells)}
        graded, solutions, tasks = (
            {cell.name for cell in cells}
            for cells in (notebook.grade_cells, notebook.solution_cells, notebook.task_cells)
        )
        found = {}
        for cell in notebook.source_cells:
            name = cell.name
            metadata = {"schema_version": SCHEMA_VERSION, "grade_id": name, "locked": cell.locked}
            metadata |= {"grade": name in graded, "solution": name in solutions, "task": name in tasks}
            metadata |= {"points": points[name]} if name in points else {}
            metadata |= {"cell_type": cell.cell_type, "checksum": cell.checksum} if cell.checksum else {}
            whole = {"cell_type": cell.cell_type, "source": cell.source, "metadata": {"nbgrader": metadata}}
            found[name] = from_dict(whole)
        return found


def restore(cell: NotebookNode, master: NotebookNode) -> None:
    """Make a cell of the submission what it was in the master, but for what the student may write."""
    cell.metadata.nbgrader = copy.deepcopy(master.metadata.nbgrader)
    if is_locked(master):
        cell.source = master.source
    if cell.cell_type != master.cell_type:
        cell.cell_type = master.cell_type
        for name in ("outputs", "execution_count", "attachments"):
            cell.pop(name, None)
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None


def missing(master: NotebookNode) -> NotebookNode:
    """A cell in the place of one that the submission lacks.

    The graded tests find the answers by name, so a check cell has its points wherever it stands. For a written answer
    nbgrader asks a person.
    """
    cell = copy.deepcopy(master)
    cell.id = f"restored-{master.metadata.nbgrader['grade_id']}"[:64]
    restore(cell, master)
    if not is_locked(master):
        cell.source = LOOK_FOR_IT
    return cell


def question(cell: NotebookNode) -> str:
    """The question that a check cell belongs to: `q1` for the cell `q1-check`."""
    return cell.metadata.nbgrader["grade_id"].removesuffix("-check")


def outputs(result: Result, name: str, score: float) -> list[NotebookNode]:
    """What the student reads below a check cell, and the points as the cell's value, where nbgrader looks for them."""
    text = [*notes(result), *lines([test for test in result.tests if test.question == name])]
    return [
        new_output("stream", name="stdout", text="\n".join(text)),
        new_output("execute_result", data={"text/plain": repr(float(score))}),
    ]

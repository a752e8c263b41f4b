"""A course of nbgrader's own, from the master to the gradebook: its `autograde` gives our marks."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config

import coursekit.grading.nbgrader as module

ROOT = Path(__file__).resolve().parents[2]
MASTER = ROOT / "solutions/density/kl-divergence/kl-divergence.ipynb"
NOTEBOOK = ASSIGNMENT = MASTER.stem


def nbgrader(course, *arguments):
    """Run nbgrader in a course, with nobody's own settings."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it calls `alembic`
    environment = os.environ | {"HOME": str(course), "JUPYTER_CONFIG_DIR": str(course / "none"), "PATH": path}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    return subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=240)


def configuration():
    """The lines that the module's docstring gives to lecturers, for our own solutions."""
    lines = textwrap.dedent(module.__doc__.partition("::\n\n")[2])
    example = "/path/to/your/repository/solutions"
    assert example in lines
    return "c = get_config()\n" + lines.replace(example, str(ROOT / "solutions"))


def cell(notebook, name):
    """The cell of an nbgrader id."""
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name)


def changed(notebook, stub):
    """All that students, Colab and hostile notebooks do to the cells that give the points; the answers stay right."""
    everywhere = copy.deepcopy(notebook)
    cell(everywhere, "q1-check").source = "print('100 points')"
    cell(everywhere, "q2-check").metadata.nbgrader["points"] = 100
    yield "edited", everywhere
    twice = copy.deepcopy(notebook)
    twice.cells.insert(3, copy.deepcopy(cell(twice, "q1-check")))
    twice.cells.append(copy.deepcopy(cell(twice, "q1")))
    twice.cells.append(copy.deepcopy(cell(stub, "q3")))  # untouched: the answer is the other one
    for number, each in enumerate(twice.cells):
        each.id = f"cell-{number}"
    yield "duplicated", twice
    deleted = copy.deepcopy(notebook)
    deleted.cells = [
        c for c in deleted.cells if not c.metadata.get("nbgrader", {}).get("grade_id", "").endswith("-check")
    ]
    yield "deleted", deleted
    dropped = copy.deepcopy(notebook)
    for each in dropped.cells:
        each.metadata = {}
    yield "dropped", dropped
    forged = copy.deepcopy(notebook)
    cell(forged, "q1-check").metadata.nbgrader |= {"grade": False, "solution": True, "schema_version": 99}
    cell(forged, "q3").update(cell_type="code", outputs=[], execution_count=None)
    cell(forged, "q2-check").metadata.nbgrader = ["q2-check"]
    forged.cells[0].metadata = {"nbgrader": {"grade_id": ["q1"]}}
    yield "forged", forged


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with one assignment, submissions of many kinds, and one run of autograde; what it printed."""
    course = tmp_path_factory.mktemp("course")
    (course / "nbgrader_config.py").write_text(configuration())
    (course / "source" / ASSIGNMENT).mkdir(parents=True)
    shutil.copy(MASTER, course / "source" / ASSIGNMENT)
    done = nbgrader(course, "generate_assignment", ASSIGNMENT)
    assert done.returncode == 0, done.stderr
    master = nbformat.read(MASTER, as_version=4)
    stub = nbformat.read(course / "release" / ASSIGNMENT / MASTER.name, as_version=4)
    half = copy.deepcopy(master)
    cell(half, "q1").source = (MASTER.parent / "wrong" / "determinant_underflows.py").read_text()
    ends, patches, reads = copy.deepcopy(stub), copy.deepcopy(stub), copy.deepcopy(stub)
    cell(ends, "q1").source = "import os\nos._exit(0)"
    cell(patches, "q1").source = (
        "import builtins, numpy as np, torch\nnp.testing.assert_allclose = torch.allclose = lambda *a, **k: True\n"
        "builtins.float = lambda x: 4.0\ndef gaussian_kl(*a): return a[0]\nmonte_carlo_kl = gaussian_kl"
    )
    cell(reads, "q1").source = (
        f"import sqlite3\ngradebook = sqlite3.connect({str(course / 'gradebook.db')!r})\n"
        "gradebook.execute('update grade set manual_score = 4')\ngradebook.commit()"
    )
    submissions = {"ada": master, "stub": stub, "half": half, "ends": ends, "patches": patches, "writes": reads}
    submissions |= dict(changed(master, stub))
    for student, notebook in submissions.items():
        folder = course / "submitted" / student / ASSIGNMENT
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / MASTER.name)
    done = nbgrader(course, "autograde", ASSIGNMENT)
    assert done.returncode == 0, done.stderr
    return course, done.stderr


def points(course, student):
    """What the gradebook has for each question: the points, and whether a person must mark it."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook(NOTEBOOK, ASSIGNMENT, student).grades
        assert all(grade.manual_score is None for grade in grades)
        return {grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in grades}


MARKED = {"q1-check": (4, False), "q2-check": (4, False), "q3": (None, True)}
NOTHING = {"q1-check": (0, False), "q2-check": (0, False), "q3": (0, False)}


@pytest.mark.parametrize("student", ["ada", "edited", "duplicated", "deleted", "dropped", "forged"])
def test_right_answers_get_all_points(course, student):
    assert points(course[0], student) == MARKED


@pytest.mark.parametrize("student", ["stub", "ends", "patches", "writes"])
def test_what_answers_nothing_gets_nothing(course, student):
    assert points(course[0], student) == NOTHING


def test_partial_credit(course):
    found = points(course[0], "half")
    assert 0 < found["q1-check"][0] < 4 and found["q2-check"] == (4, False)


def test_the_autograded_notebook_tells_why_and_nothing_hidden(course):
    notebook = nbformat.read(course[0] / "autograded/half" / ASSIGNMENT / MASTER.name, as_version=4)
    nbformat.validate(notebook)
    told, value = cell(notebook, "q1-check").outputs
    assert told.text.startswith("graded\n") and "tests that are not shown: " in told.text
    assert "DESIRED" not in told.text and "dependent" not in told.text
    assert value.data == {"text/plain": str(points(course[0], "half")["q1-check"][0])}


def test_a_submission_that_died_is_named(course):
    notebook = nbformat.read(course[0] / "autograded/ends" / ASSIGNMENT / MASTER.name, as_version=4)
    assert cell(notebook, "q1-check").outputs[0].text.startswith("died: ")
    assert re.search(r"ends needs review: died: ", course[1])
    assert "ada needs review" not in course[1]


def test_feedback_can_be_written(course):
    done = nbgrader(course[0], "generate_feedback", ASSIGNMENT, "--student=half")
    assert done.returncode == 0, done.stderr
    page = (course[0] / "feedback/half" / ASSIGNMENT / MASTER.with_suffix(".html").name).read_text()
    assert "tests that are not shown: " in page


# --- one notebook at a time, without nbgrader around it ------------------------------------------------------------


@pytest.fixture
def mark(grader, monkeypatch, course):
    """Run the preprocessor on a notebook; `changes` is what the graded tests seem to give."""

    def run(notebook, changes=None, **options):
        class Stub:
            def grade(self, *paths, **named):
                result = grader.grade(*paths, **named)
                for name, value in (changes or {}).items():
                    setattr(result, name, value)
                return result

        monkeypatch.setattr(module, "grader", lambda unsafe: Stub())
        about = {"student": "ada", "assignment": ASSIGNMENT, "notebook": NOTEBOOK}
        about["db_url"] = f"sqlite:///{course[0] / 'gradebook.db'}"
        config = Config({"Mark": {"solutions": str(ROOT / "solutions"), **options}})
        return module.Mark(config=config).preprocess(notebook, {"nbgrader": about})[0]

    return run


def test_an_error_of_the_grader_is_no_mark(mark):
    notebook = nbformat.read(MASTER, as_version=4)
    with pytest.raises(RuntimeError, match="ada was not marked: grader error: why"):
        mark(notebook, {"status": "grader error: why", "score": float("nan")})


def test_points_must_agree(mark):
    notebook = nbformat.read(MASTER, as_version=4)
    cell(notebook, "q1-check").metadata.nbgrader["points"] = 3
    with pytest.raises(ValueError, match="must give each question the same points"):
        mark(notebook)


def test_no_exercise_of_that_name(mark, tmp_path):
    with pytest.raises(FileNotFoundError, match="exactly one exercise named kl-divergence.*has none"):
        mark(nbformat.read(MASTER, as_version=4), solutions=str(tmp_path))


def test_without_a_sandbox_the_student_reads_so(mark):
    notebook = mark(nbformat.read(MASTER, as_version=4), {"sandboxed": False})
    assert "without a sandbox" in json.dumps(cell(notebook, "q1-check").outputs)

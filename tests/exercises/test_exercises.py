"""Every exercise: master, student notebook, check cells, graded tests and known wrong answers hold together."""

import ast
import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from tools import make_exercises
from tools.execute import SETUP, address

ROOT = Path(__file__).resolve().parents[2]
LINES_AT_MOST = 40


@dataclass(frozen=True)
class Exercise:
    """A folder under solutions/."""

    master: Path

    def __str__(self):
        return "/".join(self.master.parts[-3:-1])

    @property
    def graded_tests(self):
        return self.master.with_name(f"test_{self.master.stem.replace('-', '_')}.py")

    @property
    def wrong(self):
        return sorted((self.master.parent / "wrong").glob("*.py"))

    @property
    def notebook(self):
        return nbformat.read(self.master, as_version=4)

    @property
    def student_notebook(self):
        return nbformat.reads(make_exercises.student_notebook(self.master), as_version=4)

    @property
    def points(self):
        """Points of each question that is marked by tests, from the check cells."""
        cells = [cell.metadata.get("nbgrader", {}) for cell in self.notebook.cells]
        return {
            cell["grade_id"].removesuffix("-check"): float(cell["points"])
            for cell in cells
            if cell.get("grade") and not cell["solution"]
        }


@dataclass(frozen=True)
class Wrong:
    """A file with a wrong function: its docstring has the question and what the check cell says."""

    exercise: Exercise
    path: Path

    def __str__(self):
        return f"{self.exercise}/{self.path.stem}"

    @property
    def source(self):
        return self.path.read_text(encoding="utf-8")

    @property
    def question(self):
        return ast.get_docstring(ast.parse(self.source)).split(": ", 1)[0]

    @property
    def message(self):
        return ast.get_docstring(ast.parse(self.source)).split(": ", 1)[1]

    @property
    def notebook(self):
        """The master with this in the place of one solution."""
        notebook = self.exercise.notebook
        replaced = [cell for cell in notebook.cells if identity(cell) == self.question]
        assert len(replaced) == 1, f"{self.path}: there is no question {self.question}"
        replaced[0].source = self.source
        return notebook


EXERCISES = [Exercise(path) for path in make_exercises.masters()]
WRONG = [Wrong(exercise, path) for exercise in EXERCISES for path in exercise.wrong]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=str)


def identity(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def run(notebook):
    """Run all code cells, which are our own, in this process; what the cell of each grade id printed."""
    namespace, printed = {"__name__": "__main__"}, {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(cell.source, namespace)
            printed[identity(cell)] = output.getvalue()
    return printed


@pytest.fixture
def mark(grader, tmp_path):
    """Mark a notebook as a lecturer does."""

    def mark(exercise, notebook, seed=0):
        path = tmp_path / "submission.ipynb"
        nbformat.write(notebook, path)
        result = grader.grade(path, exercise.graded_tests, student="ada", seed=seed)
        assert result.status == "graded"
        assert result.questions(lambda test: test.max) == exercise.points
        return result

    return mark


def solution_lines(exercise):
    """The lines of the master that no student may see."""
    for cell in exercise.notebook.cells:
        if not cell.metadata.get("nbgrader", {}).get("solution"):
            continue
        hidden = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.DOTALL)
        assert hidden or cell.cell_type == "markdown", f"{exercise}: a solution cell without a solution"
        yield from (line.strip() for text in hidden or [cell.source] for line in text.splitlines() if line.strip())


def test_there_are_exercises():
    assert EXERCISES and WRONG


# --- the notebooks -----------------------------------------------------------------------------------------------


@each_exercise
def test_student_notebook_is_what_the_master_generates(exercise):
    committed = make_exercises.home(exercise.master)
    assert committed.read_bytes() == make_exercises.student_notebook(exercise.master).encode()


@each_exercise
def test_student_notebook_has_no_solution_and_no_output(exercise):
    student = exercise.student_notebook
    for line in solution_lines(exercise):
        assert all(line not in cell.source for cell in student.cells)
    assert "SOLUTION" not in nbformat.writes(student)
    assert all(not cell.outputs and cell.execution_count is None for cell in student.cells if cell.cell_type == "code")


@each_exercise
def test_form(exercise):
    """A page of the site and a notebook in Colab: title, set-up, sections, cells of one screen, three questions."""
    for notebook in (exercise.notebook, exercise.student_notebook):
        first, setup, *_ = notebook.cells
        assert re.match(r"# \S", first.source) and "\n## " in first.source
        assert setup.source.strip() == SETUP.format(address=address()).strip()
        assert setup.metadata.tags == ["remove-cell"]
        assert "nbgrader" not in setup.metadata  # a checksum would not survive a new address
        assert max(len(cell.source.splitlines()) for cell in notebook.cells) <= LINES_AT_MOST
        by_id = {identity(cell): cell for cell in notebook.cells if identity(cell)}
        assert list(by_id) == ["q1", "q1-check", "q2", "q2-check", "q3"]
        assert by_id["q3"].cell_type == "markdown" and by_id["q3"].metadata.nbgrader.grade
        for question in ("q1", "q2"):
            assert by_id[question].metadata.nbgrader.solution and not by_id[question].metadata.nbgrader.grade
            assert by_id[f"{question}-check"].metadata.nbgrader.locked
        headings = re.findall(r"^## (Question .*)$", "\n".join(cell.source for cell in notebook.cells), re.MULTILINE)
        points = [by_id[name].metadata.nbgrader.points for name in ("q1-check", "q2-check", "q3")]
        assert [re.search(r"\((\d+) points\)$", heading)[1] for heading in headings] == [str(p) for p in points]


@each_exercise
def test_links_lead_to_the_same_pages(exercise):
    def targets(path, notebook):
        links = [link for cell in notebook.cells for link in re.findall(r"\]\((\.\./[^)#]+)", cell.source)]
        return [(path.parent / link).resolve().relative_to(ROOT) for link in links]

    of_student = targets(make_exercises.home(exercise.master), exercise.student_notebook)
    assert of_student == targets(exercise.master, exercise.notebook)
    assert of_student[0].parts[:2] == ("book", exercise.master.parent.parent.name)


@each_exercise
def test_stored_outputs_of_the_master_say_right(exercise):
    cells = [cell for cell in exercise.notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    checks = [cell for cell in cells if "ck.check(" in cell.source]
    assert {identity(cell) for cell in checks} == {"q1-check", "q2-check"}
    for cell in checks:
        lines = "".join(output.text for output in cell.outputs).splitlines()
        assert len(lines) == cell.source.count("ck.check(")
        assert all(line.endswith(": right") for line in lines)


# --- marks -------------------------------------------------------------------------------------------------------


@each_exercise
def test_master_gets_all_points(mark, exercise):
    result = mark(exercise, exercise.notebook)
    assert [test.message for test in result.tests] == [""] * len(result.tests)
    assert result.score == result.max == sum(exercise.points.values())
    assert result.remarks == []


@each_exercise
def test_right_answers_do_not_fail_by_chance(mark, exercise):
    for seed in range(1, 7):
        result = mark(exercise, exercise.notebook, seed)
        assert result.score == result.max, f"seed {seed}"


@each_exercise
def test_untouched_student_notebook_gets_no_point(mark, exercise):
    printed = run(exercise.student_notebook)
    for cell in ("q1-check", "q2-check"):
        assert all("not yet: there is no answer here so far" in line for line in printed[cell].splitlines())
    assert mark(exercise, exercise.student_notebook).score == 0.0


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_wrong_answer_loses_points_and_is_named(mark, wrong):
    printed = run(wrong.notebook)
    verdicts = printed[f"{wrong.question}-check"]
    assert any(": not yet: " in line and wrong.message in line for line in verdicts.splitlines()), verdicts
    score, points = mark(wrong.exercise, wrong.notebook).questions(), dict(wrong.exercise.points)
    assert score.pop(wrong.question) < points.pop(wrong.question)
    assert score == points  # the other question is right


@each_exercise
def test_every_named_mistake_has_a_wrong_answer(exercise):
    """Three mistakes a question at least; a message of a check cell without a wrong answer would be untested."""
    for question in ("q1", "q2"):
        (cell,) = [cell for cell in exercise.notebook.cells if identity(cell) == f"{question}-check"]
        calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.keyword)]
        named = {key.value for node in calls if node.arg == "mistakes" for key in node.value.keys}
        shown = {wrong.message for wrong in WRONG if wrong.exercise == exercise and wrong.question == question}
        assert len(named) >= 3
        assert named <= shown, f"{exercise}, {question}: no file under wrong/ for {sorted(named - shown)}"

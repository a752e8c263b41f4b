"""Many submissions, marked by a dask worker in this process with the session's grader."""

import contextlib
import csv
import dataclasses
import json
import math
import shutil
import stat
import types

import pytest
from distributed import Client, LocalCluster

from coursekit.grading import cluster, exercise, files, many, written
from coursekit.grading.result import Result
from tests.grading.conftest import MAX, RIGHT, TESTS

NAME = "density/softplus"
WRITTEN = {"grade": True, "grade_id": "q4", "locked": False, "points": 2, "schema_version": 3, "solution": True}
SEED = "secret"


def notebook_with(cells, answer=None):
    """A notebook of code cells, with a written question at the end."""
    source = [{"cell_type": "code", "metadata": {}, "source": cell, "outputs": []} for cell in cells]
    if answer is not None:
        source.append({"cell_type": "markdown", "metadata": {}, "source": "## Question 4: why? (2 points)"})
        source.append({"cell_type": "markdown", "metadata": {"nbgrader": WRITTEN}, "source": answer})
    return json.dumps({"cells": source, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def solutions(tmp_path):
    home = tmp_path / "solutions" / NAME
    (home / "wrong").mkdir(parents=True)
    (home / "softplus.ipynb").write_text(notebook_with(RIGHT, "The master's answer."))
    (home / "test_softplus.py").write_text("import beside\n" + TESTS)
    (home / "beside.py").write_text("VALUE = 1\n")
    (home / "wrong" / "zero.py").write_text("def softplus(x):\n    return 0 * x\n")
    return tmp_path / "solutions"


@pytest.fixture
def submissions(tmp_path):
    """Ada is right, Bob has half of it, Eve handed in something else."""
    content_of = {
        "ada": notebook_with(RIGHT, "Because."),
        "bob": notebook_with(RIGHT[:2], "=HYPERLINK()"),
        "eve": "no notebook",
    }
    for student, content in content_of.items():
        path = tmp_path / "handed-in" / student / "softplus.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    return tmp_path / "handed-in"


@pytest.fixture(scope="module")
def client():
    local = LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        dashboard_address=":0",
        scheduler_kwargs={"dashboard": False},
    )
    with local, Client(local) as client:
        yield client


@pytest.fixture
def marked(client, grader, monkeypatch):
    """The students that were marked, in a list; the session's grader does it."""
    names = []

    def grade(notebook, tests, *, student, seed):
        names.append(student)
        return grader.grade(notebook, tests, student=student, seed=seed)

    shared = types.SimpleNamespace(grade=grade, close=lambda: None)
    monkeypatch.setattr(cluster, "Grader", lambda unsafe_no_sandbox: shared)
    monkeypatch.setattr(cluster, "cluster", lambda workers, scheduler: contextlib.nullcontext(client))
    return names


@pytest.fixture
def grade_all(solutions, submissions, tmp_path, marked):
    def grade_all(seed=SEED, *, out=tmp_path / "marks", unsafe=False, name=NAME):
        return many.grade_all(
            submissions,
            exercise.find(name, solutions),
            out,
            workers=1,
            scheduler=None,
            seed=seed,
            unsafe_no_sandbox=unsafe,
        )

    return grade_all


def rows_of(out):
    with open(out / "marks.csv", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    """All files but run times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_text()
    return found


def without_seconds(out):
    """The marks and the JSON files, but for how long it took."""
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in rows_of(out)]
    records = {}
    for path in sorted((out / "results").iterdir()):
        record = json.loads(path.read_text())
        for entry in (record, *record["tests"]):
            del entry["seconds"]
        records[path.name] = record
    return rows, records


def test_what_is_written(grade_all, tmp_path, submissions):
    out = tmp_path / "marks"
    results = grade_all()
    assert [result.student for result in results] == ["ada", "bob", "eve"]
    ada, bob, eve = rows_of(out)
    columns = ["student", "status", "score", "max", "q1", "q2", "q3", "needs_review", "sha256", "seed", "seconds"]
    assert list(ada) == columns
    assert [ada[name] for name in columns[:8]] == ["ada", "graded", "8.5", "8.5", "4", "2", "2.5", "False"]
    assert [bob[name] for name in columns[:8]] == ["bob", "graded", "4", "8.5", "4", "0", "0", "False"]
    assert eve["status"].startswith("bad notebook: it is not JSON")
    assert [eve[name] for name in columns[2:8]] == ["0", "8.5", "0", "0", "0", "True"]
    assert ada["sha256"] == many.sha256((submissions / "ada/softplus.ipynb").read_bytes())
    assert ada["seed"] == SEED
    assert float(ada["seconds"]) > 0
    slugs = [files.slug(name) for name in ("ada", "bob", "eve")]
    assert set(contents(out)) == {
        *("marks.csv", "report.html", "run.json", "written.csv", "written.html"),
        *(f"results/{slug}.json" for slug in slugs),
        *(f"feedback/{slug}.html" for slug in slugs),
    }
    for result, slug in zip(results, slugs, strict=True):
        again = Result.from_json((out / "results" / f"{slug}.json").read_text())
        assert again == result
        assert again.exercise == NAME
    assert stat.S_IMODE((out / "run.json").stat().st_mode) == 0o600


def test_the_marks_are_those_of_the_function_grade(grade_all, grader, solutions, submissions):
    ada, bob, _ = grade_all()
    for result in (ada, bob):
        alone = grader.grade(
            submissions / result.student / "softplus.ipynb",
            solutions / NAME / "test_softplus.py",
            student=result.student,
            seed=SEED,
        )
        for mine, other in zip(alone.tests, result.tests, strict=True):
            assert dataclasses.replace(mine, seconds=0.0) == dataclasses.replace(other, seconds=0.0)
        assert (alone.status, alone.sha256, alone.max) == (result.status, result.sha256, MAX)


def test_nothing_is_marked_twice(grade_all, tmp_path, marked, submissions):
    grade_all()
    before = contents(tmp_path / "marks")
    assert sorted(marked) == ["ada", "bob", "eve"]
    marked.clear()
    grade_all(seed=None)  # that of the first run
    assert marked == []
    assert contents(tmp_path / "marks") == before
    (submissions / "bob/softplus.ipynb").write_text(notebook_with(RIGHT, "Now I know."))
    (submissions / "dan").mkdir()
    shutil.copy(submissions / "ada/softplus.ipynb", submissions / "dan")
    grade_all(seed=None)
    assert sorted(marked) == ["bob", "dan"]
    assert [row["score"] for row in rows_of(tmp_path / "marks")] == ["8.5", "8.5", "8.5", "0"]


@pytest.mark.parametrize("changed", ["test_softplus.py", "beside.py"])
def test_changed_tests_mark_all_again(grade_all, solutions, marked, changed):
    grade_all()
    marked.clear()
    with open(solutions / NAME / changed, "a") as file:
        file.write("# changed\n")
    grade_all()
    assert sorted(marked) == ["ada", "bob", "eve"]


def test_a_changed_master_or_wrong_answer_marks_nothing_again(grade_all, solutions, marked):
    grade_all()
    marked.clear()
    (solutions / NAME / "softplus.ipynb").write_text(notebook_with(RIGHT, "A better answer."))
    (solutions / NAME / "wrong" / "one.py").write_text("")
    grade_all()
    assert marked == []


def test_a_faulty_result_is_marked_again(grade_all, tmp_path, marked):
    grade_all()
    results = tmp_path / "marks" / "results"
    (results / f"{files.slug('ada')}.json").write_text("{}")
    record = json.loads((results / f"{files.slug('bob')}.json").read_text())
    (results / f"{files.slug('bob')}.json").write_text(
        json.dumps(record | {"status": "grader error: x", "score": None})
    )
    (results / f"{files.slug('eve')}.json").write_text("[" * 50)
    marked.clear()
    grade_all()
    assert sorted(marked) == ["ada", "bob", "eve"]


def test_what_was_marked_without_a_sandbox_is_marked_again_with_one(grade_all, tmp_path, marked):
    grade_all()
    path = tmp_path / "marks" / "results" / f"{files.slug('ada')}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sandboxed": False}))
    marked.clear()
    grade_all(unsafe=True)
    assert marked == []
    grade_all()
    assert marked == ["ada"]


def test_a_folder_of_other_marks_is_refused(grade_all, tmp_path, solutions):
    grade_all()
    before = contents(tmp_path / "marks")
    with pytest.raises(ValueError, match="another seed"):
        grade_all("other")
    shutil.copytree(solutions / NAME, solutions / "density/other")
    (solutions / "density/other/softplus.ipynb").rename(solutions / "density/other/other.ipynb")
    with pytest.raises(ValueError, match="holds marks of density/softplus: choose another folder for density/other"):
        grade_all(name="density/other")
    assert contents(tmp_path / "marks") == before
    (tmp_path / "marks" / "run.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        grade_all()


def test_two_runs_at_a_time_are_refused(grade_all, tmp_path):
    (tmp_path / "marks").mkdir()
    with many._locked(tmp_path / "marks"), pytest.raises(ValueError, match="another run"):
        grade_all()


def test_a_seed_is_drawn_and_kept(grade_all, tmp_path):
    grade_all(seed=None)
    seed = json.loads((tmp_path / "marks" / "run.json").read_text())["seed"]
    assert len(seed) == 32
    assert {row["seed"] for row in rows_of(tmp_path / "marks")} == {seed}
    grade_all(seed=None)
    assert json.loads((tmp_path / "marks" / "run.json").read_text())["seed"] == seed
    grade_all(seed=None, out=tmp_path / "again")
    assert json.loads((tmp_path / "again" / "run.json").read_text())["seed"] != seed


def test_the_same_seed_gives_the_same_marks(grade_all, tmp_path):
    grade_all()
    grade_all(out=tmp_path / "again")
    assert without_seconds(tmp_path / "marks") == without_seconds(tmp_path / "again")


def test_a_run_that_was_interrupted_continues(grade_all, tmp_path, marked, monkeypatch):
    grade_all(out=tmp_path / "at-once")
    marked.clear()
    out, write = tmp_path / "marks", files.write

    def interrupted(path, content):
        if path.parent.name == "results" and len(list(path.parent.iterdir())) == 1:
            (path.parent / ".half.partial").write_text(content[:50])  # as a kill leaves it
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(files, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade_all(out=out)
    monkeypatch.setattr(files, "write", write)
    done = [json.loads(path.read_text())["student"] for path in (out / "results").glob("*.json")]
    assert len(done) == 1
    assert not (out / "marks.csv").exists()
    with pytest.raises(ValueError, match="not all of .* is marked yet"):
        many.merge(out)
    marked.clear()
    grade_all(out=out)
    assert sorted([*marked, *done]) == ["ada", "bob", "eve"]
    assert without_seconds(out) == without_seconds(tmp_path / "at-once")
    assert set(contents(out)) == set(contents(tmp_path / "at-once"))


def test_a_fault_of_a_worker_is_no_zero(grade_all, tmp_path, marked, monkeypatch):
    real = cluster.Grader(unsafe_no_sandbox=False).grade

    def faulty(notebook, tests, *, student, seed):
        if student == "bob":
            raise MemoryError("none left")
        return real(notebook, tests, student=student, seed=seed)

    shared = types.SimpleNamespace(grade=faulty, close=lambda: None)
    monkeypatch.setattr(cluster, "Grader", lambda unsafe_no_sandbox: shared)
    results = grade_all()
    assert [result.status.split(":")[0] for result in results] == ["graded", "grader error", "bad notebook"]
    assert math.isnan(results[1].score)
    bob = rows_of(tmp_path / "marks")[1]
    assert bob["status"] == "grader error: MemoryError: none left"
    assert [bob[name] for name in ("score", "max", "q1", "q2", "q3", "needs_review")] == ["", "8.5", "", "", "", "True"]
    shared.grade = real
    marked.clear()
    assert [result.status for result in grade_all()][:2] == ["graded", "graded"]
    assert marked == ["bob"]


def test_a_fault_of_a_test_is_no_zero_either(grade_all, tmp_path, solutions):
    with open(solutions / NAME / "test_softplus.py", "a") as file:
        file.write('\n\n@pytest.mark.question("q1")\ndef test_mistyped(student):\n    assert answr\n')
    assert grade_all()[0].status.startswith("grader error: test_mistyped: NameError")
    ada, _, eve = rows_of(tmp_path / "marks")
    assert [ada[name] for name in ("score", "max", "q1", "q2", "q3", "needs_review")] == ["", "9.5", "", "", "", "True"]
    assert (eve["score"], eve["max"]) == ("0", "9.5")


def test_what_reaches_a_worker_is_the_tests_and_the_notebook(grade_all, monkeypatch):
    seen = []
    marked = cluster.Marker.mark

    def mark(self, job):
        result = marked(self, job)
        seen.append({path.name for path in self.home.parents[2].rglob("*") if path.is_file()})
        return result

    monkeypatch.setattr(cluster.Marker, "mark", mark)
    grade_all()
    assert [names - {"submission.ipynb"} for names in seen] == [{"beside.py", "test_softplus.py"}] * 3


def test_what_cannot_be_read_gets_the_same_max(grade_all, submissions, tmp_path):
    (submissions / "dan").symlink_to(submissions / "ada")
    (submissions / "fay").mkdir()
    (submissions / "fay/softplus.ipynb").write_bytes(b" " * (20 * 2**20 + 1))
    dan, fay = (result for result in grade_all() if result.student in ("dan", "fay"))
    assert dan.status == "bad notebook: it is a symbolic link"
    assert fay.status == "bad notebook: it has more than 20971520 bytes"
    for result in (dan, fay):
        assert (result.score, result.max, result.needs_review, result.sha256) == (0.0, MAX, True, "")
        assert [test.outcome for test in result.tests] == ["not run"] * 4
    grade_all()


def test_bad_notebooks_are_kept_as_well(grade_all, submissions, marked):
    (submissions / "dan").symlink_to(submissions / "ada")
    grade_all()
    marked.clear()
    grade_all()
    assert marked == []


def test_other_notebooks_of_a_student_are_mentioned(grade_all, submissions):
    (submissions / "ada/scratch.ipynb").write_text("{}")
    assert grade_all()[0].remarks == ["not marked: ada/scratch.ipynb"]


def test_names_do_no_harm(grade_all, submissions, tmp_path):
    names = ["=cmd|' ' !A0", "\u202eada", "\x1b[2Jada", "-1", "CON", "..."]
    for name in names:
        shutil.copytree(submissions / "ada", submissions / name)
    assert len(grade_all()) == len(names) + 3
    text = (tmp_path / "marks/marks.csv").read_text()
    assert text.isprintable() or set(c for c in text if not c.isprintable()) == {"\n"}
    students = [row["student"] for row in rows_of(tmp_path / "marks")]
    assert sorted(students) == sorted(
        ["'=cmd|' ' !A0", "\\u202eada", "\\x1b[2Jada", "'-1", "CON", "...", "ada", "bob", "eve"]
    )
    for path in (tmp_path / "marks").rglob("*"):
        assert path.stem not in ("CON", "...")
    assert {path.name for path in tmp_path.iterdir()} == {"solutions", "handed-in", "marks"}


def test_written_answers_are_merged(grade_all, tmp_path, submissions):
    out = tmp_path / "marks"
    grade_all()
    assert "q4" not in rows_of(out)[0]
    sheet = files.read_table(out / "written.csv")
    assert {row["student"]: row["answer"] for row in sheet}["bob"] == "=HYPERLINK()"
    for row in sheet:
        if row["student"] == "ada":
            row |= {"points": "1,5", "comment": "Say why."}
    files.write(out / "written.csv", files.table([list(sheet[0]), *(list(row.values()) for row in sheet)]))
    missing = many.merge(out)
    assert missing == 2  # Bob's, and Eve's, who has none
    for _ in range(2):
        ada, bob, eve = rows_of(out)
        assert list(ada)[4:8] == ["q1", "q2", "q3", "q4"]
        assert [ada[name] for name in ("score", "max", "q4", "needs_review")] == ["10", "10.5", "1.5", "False"]
        assert [bob[name] for name in ("score", "max", "q4", "needs_review")] == ["4", "10.5", "", "True"]
        assert eve["max"] == "10.5"
        assert "Say why." in (out / "feedback" / f"{files.slug('ada')}.html").read_text()
        grade_all()  # another run keeps what was merged


@pytest.mark.parametrize(("changed", "message"), [({"points": "3"}, "from 0 to 2"), ({"student": "adda"}, "mend the")])
def test_points_that_cannot_be_right_are_refused(grade_all, tmp_path, changed, message):
    out = tmp_path / "marks"
    grade_all()
    sheet = files.read_table(out / written.SHEET)
    sheet[0] |= {"points": "1"} | changed
    files.write(out / written.SHEET, files.table([list(sheet[0]), *(list(row.values()) for row in sheet)]))
    before = contents(out)
    with pytest.raises(ValueError, match=message):
        many.merge(out)
    assert contents(out) == before


def test_merging_what_is_no_folder_of_marks(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run.json"):
        many.merge(tmp_path)


def test_nothing_to_mark(grade_all, submissions, solutions, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    arguments = {"workers": 1, "scheduler": None, "seed": None, "unsafe_no_sandbox": False}
    found = exercise.find(NAME, solutions)
    with pytest.raises(ValueError, match="there is no notebook in"):
        many.grade_all(empty, found, tmp_path / "marks", **arguments)
    with pytest.raises(ValueError, match="choose another folder"):
        many.grade_all(submissions, found, submissions, **arguments)
    assert not (tmp_path / "marks").exists()


def test_marks_may_lie_among_the_submissions(grade_all, submissions):
    for _ in range(2):
        assert len(grade_all(out=submissions / "marks")) == 3


def test_exercises_that_are_not_there(solutions):
    with pytest.raises(FileNotFoundError, match="there are: density/softplus"):
        exercise.find("density/soft", solutions)
    with pytest.raises(FileNotFoundError, match="no exercise"):
        exercise.find("../solutions/density/softplus", solutions)
    shutil.copy(solutions / NAME / "test_softplus.py", solutions / NAME / "test_more.py")
    with pytest.raises(FileNotFoundError, match="exactly one file test_"):
        exercise.find(NAME, solutions)


def test_an_exercise_is_found_from_below(solutions, monkeypatch):
    (solutions.parent / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(solutions.parent / "a" / "b")
    found = exercise.find(NAME)
    assert found.tests == solutions / NAME / "test_softplus.py"
    assert found.headings == {"q4": "Question 4: why?"}
    assert found.written == (exercise.WrittenQuestion("q4", 2.0, "Question 4: why?"),)

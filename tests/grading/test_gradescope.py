"""The autograder's zip: the same bytes twice, no solution in it, right marks when it runs as Gradescope runs it."""

import csv
import dataclasses
import io
import json
import math
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from coursekit.grading import Result, TestResult, exercise, gradescope
from tests.grading.conftest import notebook

ROOT = Path(__file__).resolve().parents[2]
NAME = "density/kl-divergence"
STUDENT_NOTEBOOK = ROOT / "exercises" / f"{NAME}.ipynb"
HOSTILE = [
    "import builtins, os, numpy as np\nnp.testing.assert_allclose = lambda *a, **k: None\n"
    "builtins.isinstance = lambda *a: True",
    "from pathlib import Path\nfor there in ({results!r}, {source!r}):\n    try:\n"
    "        for path in Path(there).rglob('*'):\n            path.write_text('forged')\n"
    "        (Path(there) / 'results.json').write_text('{{\"score\": 8}}')\n    except OSError:\n        pass",
    "def gaussian_kl(*arguments):\n    os._exit(0)\nmonte_carlo_kl = gaussian_kl",
]


@pytest.fixture(scope="module")
def master():
    return exercise.find(NAME, ROOT / "solutions")


def written(folder, master, *, unsafe_no_sandbox=False):
    """What is in the zip, as files."""
    folder.mkdir(exist_ok=True)
    gradescope.write(master, folder / "autograder.zip", unsafe_no_sandbox=unsafe_no_sandbox)
    return zipfile.ZipFile(folder / "autograder.zip")


@pytest.fixture
def container(tmp_path, master):
    """Lay files out as Gradescope does, run the autograder as it does; what it printed, and the results or None."""

    def run(content, *, unsafe_no_sandbox=False, path=os.environ["PATH"], name="answer.ipynb"):
        root = tmp_path / "autograder"
        written(tmp_path, master, unsafe_no_sandbox=unsafe_no_sandbox).extractall(root / "source")
        for folder in ("submission", "results"):
            (root / folder).mkdir()
        if content is not None:
            (root / "submission" / name).write_text(content)
        users = [{"email": "ada@example.org", "id": 17, "name": "Ada"}]
        (root / "submission_metadata.json").write_text(json.dumps({"id": 1, "users": users}))
        with zipfile.ZipFile(next((root / "source").glob("*.whl"))) as wheel:
            wheel.extractall(tmp_path / "installed")
        command = ["bash", root / "source" / "run_autograder", root, sys.executable]
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed"), "PATH": path}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)
        assert "Traceback" not in done.stderr
        results = root / "results" / "results.json"
        assert done.returncode == (0 if results.exists() else 1)
        assert not (root / "source").stat().st_mode & 0o077 and not (root / "results").stat().st_mode & 0o077
        return done.stdout, json.loads(results.read_text()) if results.exists() else None

    return run


def test_same_bytes_twice(tmp_path, master):
    for name in ("one", "two"):
        written(tmp_path / name, master)
    assert (tmp_path / "one/autograder.zip").read_bytes() == (tmp_path / "two/autograder.zip").read_bytes()
    assert {entry.date_time for entry in written(tmp_path / "one", master).infolist()} == {(1980, 1, 1, 0, 0, 0)}
    written(tmp_path / "unsafe", master, unsafe_no_sandbox=True)
    assert (tmp_path / "one/autograder.zip").read_bytes() != (tmp_path / "unsafe/autograder.zip").read_bytes()


def test_what_is_in_the_zip(tmp_path, master):
    zipped = written(tmp_path, master)
    (wheel,) = (name for name in zipped.namelist() if name.endswith(".whl"))
    graded = f"solutions/{NAME}/test_kl_divergence.py"
    assert sorted(zipped.namelist()) == sorted(["setup.sh", "run_autograder", "exercise.json", wheel, graded])
    assert zipped.read(graded) == master.tests.read_bytes()
    assert f"/autograder/source/{wheel}[grading]" in zipped.read("setup.sh").decode()
    for name in ("setup.sh", "run_autograder"):
        assert stat.S_IMODE(zipped.getinfo(name).external_attr >> 16) == 0o755
        assert subprocess.run(["bash", "-n"], input=zipped.read(name)).returncode == 0
    package = zipfile.ZipFile(io.BytesIO(zipped.read(wheel)))
    assert not [name for name in package.namelist() if not name.startswith("coursekit") or "__pycache__" in name]
    record = next(name for name in package.namelist() if name.endswith("/RECORD"))
    rows = {name: (checksum, size) for name, checksum, size in csv.reader(package.read(record).decode().splitlines())}
    assert rows.keys() == set(package.namelist())
    data = package.read("coursekit/grading/judge.py")
    assert rows["coursekit/grading/judge.py"] == (f"sha256={gradescope.digest(data)}", str(len(data)))


def test_pip_installs_the_wheel(tmp_path, master):
    zipped = written(tmp_path, master)
    (wheel,) = (name for name in zipped.namelist() if name.endswith(".whl"))
    zipped.extract(wheel, tmp_path)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target"]
    subprocess.run([*command, tmp_path / "there", tmp_path / wheel], check=True)
    assert (tmp_path / "there/coursekit/grading/gradescope.py").read_bytes() == Path(gradescope.__file__).read_bytes()


def test_master(container, master):
    printed, results = container(master.master.read_text())
    assert results["score"] == 8
    note, *questions = results["tests"]
    assert note == {"name": "Your notebook", "output": "graded", "visibility": "visible", "status": "passed"}
    assert [(q["name"], q["score"], q["max_score"]) for q in questions] == [
        (master.headings["q1"], 4, 4),
        (master.headings["q2"], 4, 4),
    ]
    assert "visibility" not in questions[0] and results["visibility"] == "after_published"
    assert "Ada (17): graded; seed" in printed and printed.split("seed ")[1].split(";")[0] not in json.dumps(results)


def test_untouched_student_notebook(container):
    _, results = container(STUDENT_NOTEBOOK.read_text())
    assert results["score"] == 0 and sum(test.get("max_score", 0) for test in results["tests"]) == 8
    assert results["output"] == "" and results["extra_data"]["needs_review"] is False


@pytest.mark.parametrize("unsafe", [False, True], ids=["sandbox", "no sandbox"])
def test_hostile_notebook(container, tmp_path, unsafe):
    folders = {name: str(tmp_path / "autograder" / name) for name in ("results", "source")}
    if unsafe:  # where nothing keeps it from them, leave the tests as they are
        folders["source"] = folders["results"]
    cells = [HOSTILE[0], HOSTILE[1].format(**folders), HOSTILE[2]]
    _, results = container(notebook(cells), unsafe_no_sandbox=unsafe)
    assert results["score"] == 0
    note = results["tests"][0]
    assert note["status"] == "failed" and note["output"].startswith("died")
    assert results["extra_data"]["needs_review"] is True
    assert (gradescope.NO_SANDBOX in note["output"]) is unsafe and (
        results["output"] == gradescope.NO_SANDBOX
    ) is unsafe


def test_without_a_sandbox_there_is_no_mark(container, tmp_path, master):
    (tmp_path / "bin").mkdir()
    for program in ("bash", "env"):
        (tmp_path / "bin" / program).symlink_to(f"/usr/bin/{program}")
    printed, results = container(master.master.read_text(), path=str(tmp_path / "bin"))
    assert results is None
    assert "NOT marked" in printed and "There is no program `bwrap`" in printed and "coursekit grade" in printed


def test_no_notebook(container):
    _, results = container(None)
    assert results["score"] == 0 and sum(test.get("max_score", 0) for test in results["tests"]) == 8
    assert (
        results["tests"][0]["output"]
        == "bad notebook: hand in exactly one notebook, kl-divergence.ipynb; you handed in none"
    )


def test_which_notebook_is_marked(tmp_path):
    def find(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / name).touch()
        return gradescope.find_notebook(tmp_path, "elbo.ipynb")

    assert find("mine.ipynb") == (tmp_path / "mine.ipynb", "")
    assert find(".ipynb_checkpoints/mine.ipynb") == (tmp_path / "mine.ipynb", "")
    assert find("deep/other.ipynb")[1].endswith("you handed in 2")
    assert find("deep/elbo.ipynb") == (tmp_path / "deep/elbo.ipynb", "")
    nothing, problem = find("elbo.ipynb")
    assert problem.endswith("you handed in 4") and nothing == Path(os.devnull)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"users": [{"id": 1}]}', '{"users": null}'])
def test_unknown_student(tmp_path, content):
    path = tmp_path / "submission_metadata.json"
    assert gradescope.student(path) == "unknown"
    path.write_text(content)
    assert gradescope.student(path) == "unknown"


def test_a_group(tmp_path):
    users = [{"id": 1, "name": "Ada", "email": ""}, {"id": 2, "name": "Alan", "email": ""}]
    (tmp_path / "m.json").write_text(json.dumps({"users": users}))
    assert gradescope.student(tmp_path / "m.json") == "Ada (1), Alan (2)"


def result(*tests, **changes):
    """A result with these tests."""
    total, most = sum(test.score for test in tests), sum(test.max for test in tests)
    first = Result("ada", "graded", total, most, list(tests), False, "", 0, "a/b", 1.0)
    return dataclasses.replace(first, **changes)


def test_nothing_of_a_hidden_test_is_told():
    tests = [
        TestResult("test_seen", "q1", True, 0.0, 1.0, "failed", "\nNot equal\n ACTUAL: 1\n DESIRED: 4.25"),
        TestResult("test_secret", "q1", False, 0.0, 2.0, "failed", "\n DESIRED: 3.75"),
        TestResult("test_raises", "q2", False, 0.0, 2.0, "raised", "ValueError: tensor([1.5])"),
    ]
    text = json.dumps(gradescope.report(result(*tests, seed="the seed"), {"q1": "Question 1: a"}))
    for told in ("seen: Not equal", "tests that are not shown: 0 of 2 points", "Question 1: a"):
        assert told in text
    for secret in ("secret", "test_raises", "DESIRED", "4.25", "3.75", "1.5", "the seed"):
        assert secret not in text


def test_cells_that_raised_are_told_at_once():
    remarks = ["cell 3 raised NameError: name 'x' is not defined"]
    report = gradescope.report(result(TestResult("t", "q1", False, 1.0, 1.0, "passed"), remarks=remarks), {})
    assert report["tests"][0]["status"] == "failed" and remarks[0] in report["tests"][0]["output"]


def test_an_error_of_the_grader_is_no_zero(tmp_path, monkeypatch, master, capsys):
    class Broken:
        def __init__(self, **options):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def grade(self, *paths, **options):
            return result(status="grader error: NameError", score=math.nan)

    monkeypatch.setattr(gradescope, "Grader", Broken)
    root = tmp_path / "autograder"
    written(tmp_path, master).extractall(root / "source")
    (root / "results").mkdir()
    (root / "results" / "results.json").write_text("of an earlier run")
    assert gradescope.run(root) == 1
    assert not list((root / "results").iterdir())
    assert "grader error: NameError" in capsys.readouterr().out

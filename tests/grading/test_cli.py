"""The command itself, with its own processes: each run takes seconds to start."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile

import psutil
import pytest
from distributed import LocalCluster

from coursekit.__main__ import main
from tests.grading.conftest import RIGHT
from tests.grading.test_many import NAME, SEED, notebook_with, rows_of, solutions, submissions, without_seconds

__all__ = ["solutions", "submissions"]  # fixtures
COMMAND = [sys.executable, "-m", "coursekit"]


def run(*arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"} | variables
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)


def grading(submissions, solutions, out, *more):
    return ["grade", submissions, "--exercise", NAME, "--solutions", solutions, "--out", out, "--seed", SEED, *more]


@pytest.fixture
def class_of_eight(tmp_path):
    """All right, each a little different, and slow enough to be interrupted."""
    for number in range(8):
        path = tmp_path / "class" / f"student{number}" / "softplus.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(notebook_with([*RIGHT, "import time\ntime.sleep(1)", f"# {number}"], "Because."))
    return tmp_path / "class"


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_run_continues(class_of_eight, solutions, tmp_path):
    at_once, out = tmp_path / "at-once", tmp_path / "marks"
    finished = run(*grading(class_of_eight, solutions, at_once, "--workers", 1))
    assert finished.returncode == 0, finished.stderr
    assert "8/8" in finished.stderr  # the bar
    command = [*COMMAND, *map(str, grading(class_of_eight, solutions, out, "--workers", 2))]
    (tmp_path / "tmp").mkdir()  # nobody removes what a killed process has there
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
    wait_for(lambda: len(list(out.glob("results/*.json"))) >= 3)
    others = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(psutil.Process.is_running, others)))  # nothing stays behind
    before = {path: path.read_bytes() for path in out.glob("results/*.json")}
    assert 3 <= len(before) < 8
    for content in before.values():
        json.loads(content)  # each is whole
    assert not (out / "marks.csv").exists()
    (out / "results" / ".xyz.partial").write_text("{")
    resumed = run(*grading(class_of_eight, solutions, out, "--workers", 2))
    assert resumed.returncode == 0, resumed.stderr
    assert {path: path.read_bytes() for path in before} == before  # not marked again
    assert without_seconds(out) == without_seconds(at_once)
    assert not list(out.rglob("*.partial"))
    assert [row["score"] for row in rows_of(out)] == ["8.5"] * 8


@pytest.mark.slow
def test_an_interrupt_ends_cleanly(class_of_eight, solutions, tmp_path):
    out = tmp_path / "marks"
    command = [*COMMAND, *map(str, grading(class_of_eight, solutions, out))]
    # A shell starts what runs in the background with Ctrl-C ignored, and children inherit that.
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    wait_for(lambda: len(list(out.glob("results/*.json"))) >= 1)
    others = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; the same command continues" in errors
    assert "Traceback" not in errors
    wait_for(lambda: not any(map(psutil.Process.is_running, others)))


def test_without_a_sandbox_nothing_is_written(submissions, solutions, tmp_path):
    out = tmp_path / "marks"
    finished = run(*grading(submissions, solutions, out), PATH=str(tmp_path))
    assert finished.returncode == 2
    assert "There is no program `bwrap`" in finished.stderr
    assert "apt install bubblewrap" in finished.stderr
    assert "--unsafe-no-sandbox" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not out.exists()


@pytest.mark.slow
def test_without_a_sandbox_when_asked(submissions, solutions, tmp_path):
    command = grading(submissions, solutions, tmp_path / "marks", "--unsafe-no-sandbox")
    finished = run(*command, PATH=str(tmp_path))
    assert finished.returncode == 0, finished.stderr
    assert "WARNING: no sandbox" in finished.stderr
    assert "3 need review" in finished.stdout
    assert [row["needs_review"] for row in rows_of(tmp_path / "marks")] == ["True"] * 3
    assert [row["score"] for row in rows_of(tmp_path / "marks")] == ["8.5", "4", "0"]


@pytest.mark.slow
def test_workers_of_a_cluster_elsewhere(submissions, solutions, tmp_path, capsys):
    quiet = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=True, **quiet) as elsewhere:
        arguments = grading(submissions, solutions, tmp_path / "marks", "--scheduler", elsewhere.scheduler_address)
        assert main(list(map(str, arguments))) == 0
    assert "1 need review" in capsys.readouterr().out
    assert [row["score"] for row in rows_of(tmp_path / "marks")] == ["8.5", "4", "0"]


def test_a_scheduler_that_does_not_answer(submissions, solutions, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("coursekit.grading.cluster.WAIT_SECONDS", 1)
    arguments = grading(submissions, solutions, tmp_path / "marks", "--scheduler", "tcp://127.0.0.1:9")
    assert main(list(map(str, arguments))) == 2
    assert "the scheduler tcp://127.0.0.1:9 does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--exercise": "density/none"}, r"no exercise 'density/none' in .*; there are: density/softplus"),
        ({"grade": "nowhere"}, "there is no nowhere"),
        ({"--workers": "0"}, "must be at least 1"),
    ],
)
def test_mistakes_are_named(changed, message, submissions, solutions, tmp_path, capsys):
    arguments = list(map(str, grading(submissions, solutions, tmp_path / "marks", "--workers", 1)))
    for name, value in changed.items():
        arguments[arguments.index(name) + 1] = value
    try:
        code = main(arguments)
    except SystemExit as error:  # argparse's own
        code = error.code
    assert code == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "marks").exists()


@pytest.mark.parametrize(("status", "code"), [("graded", 0), ("grader error: x", 1)])
def test_the_exit_code_says_whether_all_is_marked(status, code, submissions, solutions, tmp_path, monkeypatch, capsys):
    from coursekit.grading import many
    from coursekit.grading.result import Result

    def grade_all(submissions, exercise, out, *, workers, scheduler, seed, unsafe_no_sandbox):
        assert workers == len(os.sched_getaffinity(0))
        review = status != "graded"
        return [Result("ada", status, 0.0, 1.0, [], review, "", SEED, NAME, 0.1) for _ in range(2)]

    monkeypatch.setattr(many, "grade_all", grade_all)
    assert main(list(map(str, grading(submissions, solutions, tmp_path / "marks")))) == code
    printed = capsys.readouterr().out
    assert ("2 need review" in printed) == bool(code)
    assert ("2 could not be marked, by a fault of the grader" in printed) == bool(code)


def test_merge(tmp_path, capsys):
    assert main(["merge", str(tmp_path)]) == 2
    assert "there are no marks in" in capsys.readouterr().err


def test_gradescope(solutions, tmp_path, capsys):
    assert main(["gradescope", NAME, "--out", str(tmp_path / "auto.zip"), "--solutions", str(solutions)]) == 0
    with zipfile.ZipFile(tmp_path / "auto.zip") as archive:
        assert f"solutions/{NAME}/test_softplus.py" in archive.namelist()
    assert "auto.zip" in capsys.readouterr().out


def test_the_command_starts_without_heavy_imports():
    code = "import sys; from coursekit.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'numpy', 'distributed', 'pytest') if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "[]"

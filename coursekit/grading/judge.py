"""The trusted side: runs graded tests under pytest, each submission in a forked process of its own.

Started by `coursekit.grading.grader` as ``python -m coursekit.grading.judge``. It reads one JSON job a line from its
standard input and answers each with one line. A submission cannot reach this process: the tests talk to it through a
`Session`.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import hashlib
import hmac
import importlib
import json
import math
import os
import platform
import select
import signal
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coursekit.grading import notebook
from coursekit.grading.messages import clean
from coursekit.grading.proxy import NotSendable, Session, Stopped, Student, StudentError
from coursekit.grading.result import Limits, Result, TestResult
from coursekit.grading.sandbox import Sandbox, SandboxFailed, SandboxUnavailable, visible

SLACK_SECONDS = 60
"""What the tests' own computation may take on top of the submission's time."""
MESSAGE = 2000
"""Characters of a test's message that are kept; it may quote what the submission returned."""
OWN_FAULTS = (NameError, ImportError, SyntaxError, OSError, MemoryError, NotSendable, SandboxFailed)
"""Exceptions in a test that no answer of a submission explains."""


class Marking:
    """A pytest plugin: the fixtures ``student`` and ``rng``, and one `TestResult` for each test."""

    def __init__(self, session: Session | None, key: bytes, about: bytes) -> None:
        self.session = session
        self.key = key
        self.about = about
        self.results: dict[str, TestResult] = {}
        self.faults: list[str] = []
        self.stops = self.answers = 0  # of the session when the present test began

    def draw(self, test: str) -> int:
        """A number that nobody knows without the secret: a stream for each test of each submission."""
        return int.from_bytes(hmac.digest(self.key, self.about + b"\0" + test.encode(), hashlib.sha256))

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> np.random.Generator:
        """The test's own generator."""
        return np.random.default_rng(self.draw(request.node.name))

    @pytest.fixture
    def student(self) -> Student:
        """The submission."""
        assert self.session is not None
        return Student(self.session)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note each test and what it is worth before any of them runs."""
        for item in items:
            question, points = item.get_closest_marker("question"), item.get_closest_marker("points")
            self.results[item.nodeid] = TestResult(
                test=item.name,
                question=str(question.args[0]) if question and question.args else item.name,
                public=item.get_closest_marker("public") is not None,
                score=0.0,
                max=float(points.args[0]) if points and points.args else 1.0,
                outcome="not run",
            )
        # Public tests first: what the submission says in one is shown, and it must not know the others' inputs yet.
        items.sort(key=lambda item: not self.results[item.nodeid].public)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Have the submission ready before a test; True skips the test."""
        assert self.session is not None
        try:
            self.session.begin(self.draw(f"global {item.name}") % 2**32)
        except Stopped as stopped:
            self.results[item.nodeid].message = str(stopped)
            return True
        self.stops, self.answers = len(self.session.stops), self.session.answers
        return None

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """See after a test whether the submission is still there."""
        assert self.session is not None
        result = self.results[nodeid]
        if len(self.session.stops) > self.stops:  # even where the test went on
            stopped = self.session.stops[self.stops]
            result.score, result.outcome, result.message = 0.0, stopped.outcome, stopped.message
        elif result.outcome == "unclear":
            result.outcome = "failed" if self.session.answers > self.answers else "grader error"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Judge one phase of a test."""
        report = yield
        result = self.results[item.nodeid]
        result.seconds += call.duration
        error = None if call.excinfo is None else call.excinfo.value
        if error is None:
            if call.when == "call":
                result.outcome, result.score = "passed", result.max
            return report
        result.score = 0.0
        result.message = clean(f"{type(error).__name__}: {error}", MESSAGE)
        if call.when != "call" or isinstance(error, OWN_FAULTS):
            result.outcome = "grader error"
        elif isinstance(error, AssertionError | pytest.fail.Exception):
            result.outcome, result.message = "failed", clean(str(error), MESSAGE)
        elif isinstance(error, StudentError):
            result.outcome, result.message = "raised", clean(str(error), MESSAGE)
        else:  # after an answer most likely its doing, before any our own fault
            result.outcome = "unclear"
        return report

    def pytest_internalerror(self, excrepr: Any) -> None:
        """So is an error of pytest or of this plugin."""
        self.faults.append(str(excrepr))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A test file that cannot be read is our own fault."""
        if report.failed:
            self.faults.append(report.longreprtext)


def judge(job: dict[str, Any], sandbox: Sandbox | None) -> Result:
    """Mark one submission."""
    started = time.monotonic()
    limits, tests, student = Limits(**job["limits"]), Path(job["tests"]), str(job["student"])
    checksum, problem, sources = "", "", []
    try:
        content = notebook.read_bytes(Path(job["notebook"]), limits.notebook_size)
        checksum = notebook.sha256(content)
        sources = [cell.source for cell in notebook.cells(content) if cell.kind == "code"]
    except notebook.BadNotebook as error:
        problem = str(error)
    session = None
    if sandbox is not None and not problem:
        solutions = next((path for path in tests.parents if path.name == "solutions"), tests.parent)
        hidden = [str(path) for path in {solutions, Path(job["notebook"]).parent} if visible(path)]
        session = Session(sandbox, sources, limits, hidden)
    about = f"{student}\0{checksum}".encode("utf-8", "surrogatepass")
    plugin = Marking(session, key=f"{type(job['seed']).__name__} {job['seed']}".encode(), about=about)
    code = run_pytest(tests, plugin, collect_only=session is None)
    results = list(plugin.results.values())
    faults = [f"{test.test}: {test.message}" for test in results if test.outcome == "grader error"] + plugin.faults
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        faults.append(f"pytest ended with {code!r}")
    remarks = []
    if session is not None:
        session.end()
        remarks = [f"cell {e['cell']} raised {e['type']}: {e['text']}" for e in session.cell_errors]
    status = status_of(faults, problem, session)
    fault = status.startswith("grader error")
    return Result(
        student=student,
        status=status,
        score=math.nan if fault else sum(test.score for test in results),
        max=sum(test.max for test in results) if results else math.nan,
        tests=results,
        needs_review=not status.startswith(("graded", "timeout")) or sandbox is None or sandbox.unsafe,
        sha256=checksum,
        seed=job["seed"],
        exercise=exercise_name(tests),
        seconds=time.monotonic() - started,
        versions=versions(),
        sandboxed=sandbox is not None and not sandbox.unsafe,
        remarks=remarks,
    )


def status_of(faults: list[str], problem: str, session: Session | None) -> str:
    """How the whole went, the gravest first."""
    if faults:
        return f"grader error: {faults[0]}"
    if problem:
        return f"bad notebook: {problem}"
    assert session is not None
    if session.stops:
        return f"{session.stops[0].outcome}: {session.stops[0].message}"
    if session.out_of_memory:
        return "memory limit: the submission asked for more memory than it may have"
    return "graded"


def run_pytest(tests: Path, plugin: Marking, *, collect_only: bool) -> int:
    """Run a test file under pytest with nothing else loaded, neither plugins nor configuration."""
    sys.path.insert(0, str(tests.parent))  # what lies beside the tests can be imported
    options = [str(tests), f"--rootdir={tests.parent}", f"--confcutdir={tests.parent}", "-c", os.devnull]
    options += ["--import-mode=importlib", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:terminal"]
    options += ["-p", "no:unraisableexception"]  # it collects garbage twice, which takes longer than many tests
    options += ["--collect-only"] if collect_only else []
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
        return int(pytest.main(options, plugins=[plugin]))


def exercise_name(tests: Path) -> str:
    """`family/exercise` for a test file of the book's, else the name of the file."""
    if tests.parents[2].name == "solutions":
        return f"{tests.parents[1].name}/{tests.parents[0].name}"
    return tests.stem.removeprefix("test_")


def versions() -> dict[str, str]:
    """What a mark may depend on."""
    found = {"python": platform.python_version()}
    for name in ("coursekit", "torch", "numpy", "pytest"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def main() -> None:
    """Serve jobs until the standard input ends. The first line says whether to do without the sandbox."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a test prints must not come between the answers
    sys.dont_write_bytecode = True
    sandbox: Sandbox | None = None
    try:
        sandbox = Sandbox(unsafe=json.loads(sys.stdin.readline())["unsafe"])
        print(json.dumps({"ready": True}), file=answers, flush=True)
    except SandboxUnavailable as error:
        print(json.dumps({"unavailable": str(error)}), file=answers, flush=True)
        return
    warm = {"pytest"}
    warm_up()
    for line in iter(sys.stdin.readline, ""):
        for name in imported_by(Path(json.loads(line)["tests"])) - warm:
            warm.add(name)
            with contextlib.suppress(Exception):  # what lies beside the tests is found, and read anew, in the fork
                importlib.import_module(name)
        if sandbox.process.poll() is not None:
            sandbox = Sandbox(unsafe=sandbox.unsafe)
        gc.freeze()  # so that no fork's collector walks over, and thereby copies, what is here
        print(json.dumps(in_a_fork(json.loads(line), sandbox)), file=answers, flush=True)
    sandbox.close()


def warm_up() -> None:
    """Let pytest import all its parts here, once, and not in each fork."""
    with tempfile.TemporaryDirectory() as folder:
        tests = Path(folder, "test_nothing.py")
        tests.write_text("def test_nothing(): pass")
        run_pytest(tests, Marking(None, b"", b""), collect_only=True)
        sys.path.remove(folder)


def imported_by(tests: Path) -> set[str]:
    """The modules that a test file imports at its top."""
    try:
        tree = ast.parse(tests.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return set()
    plain = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}


def in_a_fork(job: dict[str, Any], sandbox: Sandbox) -> dict[str, str]:
    """The result of `judge` as JSON, from a process that may fail without harm to the next job."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            os.setsid()
            try:
                answer = {"result": judge(job, sandbox).to_json()}
            except BaseException as error:  # ours, whatever it is
                answer = {"fault": f"{type(error).__name__}: {error}"}
            with os.fdopen(writing, "w", encoding="utf-8", errors="replace") as pipe:
                json.dump(answer, pipe)
        finally:
            os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + job["limits"]["seconds"] + SLACK_SECONDS
    content = bytearray()
    events = select.poll()
    events.register(reading, select.POLLIN)
    events.register(0, 0)  # says when the caller has gone
    try:
        while ready := events.poll(1000 * max(deadline - time.monotonic(), 0)):
            if ready[0][0] == 0:
                sys.exit()
            part = os.read(reading, 2**16)
            if not part:
                return json.loads(content)
            content += part
        return {"fault": f"the tests took longer than {job['limits']['seconds'] + SLACK_SECONDS:g} s"}
    except ValueError:
        return {"fault": "the process that runs the tests has ended without an answer"}
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()

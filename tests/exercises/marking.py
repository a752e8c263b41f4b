"""Runs the graded tests of an exercise against a notebook, and counts points: for our own masters and wrong answers.

The tests get two fixtures. ``student`` stands for the notebook: ``student.f(a)`` calls its function ``f`` in another
process with numpy arrays turned into torch tensors, and gives numpy arrays and plain values back; a function among the
arguments is called here, with numpy arrays, whenever the notebook's code calls it. ``rng`` is the test's own generator.
"""

import json
import subprocess
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exercises.messages import decode, encode

ROOT = Path(__file__).resolve().parents[2]


class SubmissionError(Exception):
    """The submission raised; the message says what."""


class Process:
    """The process that runs submissions, one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.exercises.worker"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def load(self, cells: list[str]) -> list[str]:
        """Run a notebook's code cells; what each printed."""
        return self._exchange({"load": cells})

    def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Call a function of the notebook that was loaded last."""
        functions: list[Any] = []
        encoded = [encode(argument, functions) for argument in arguments]
        return decode(self._exchange({"call": name, "arguments": encoded}, functions))

    def _exchange(self, message: dict[str, Any], functions: list[Any] | None = None) -> Any:
        while True:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
            if "error" in answer:
                raise SubmissionError(answer["error"])
            if "ask" not in answer:
                return answer["result"]
            message = self._own(functions[answer["ask"]], answer["arguments"])

    @staticmethod
    def _own(function: Any, arguments: list[Any]) -> dict[str, Any]:
        try:
            return {"result": encode(function(*map(decode, arguments)))}
        except Exception as error:  # the submission called it with something that does not fit: its fault
            return {"error": f"{type(error).__name__}: {error}"}


class Student:
    """A notebook's public functions."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{name} is private")
        return lambda *arguments: self._process.call(name, arguments)


@dataclass
class Marks:
    """Points per question, and the tests that failed."""

    score: dict[str, float] = field(default_factory=dict)
    max: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Marking:
    """A pytest plugin: the two fixtures, and the count."""

    def __init__(self, process: Process, seed: int) -> None:
        self.process = process
        self.seed = seed
        self.marks = Marks()

    @pytest.fixture
    def student(self) -> Student:
        """The notebook under test."""
        return Student(self.process)

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> np.random.Generator:
        """A generator for this test alone."""
        return np.random.default_rng([self.seed, zlib.crc32(request.node.name.encode())])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that has run; what fails elsewhere than in the test itself is our own fault."""
        if report.when != "call":
            if report.failed:
                self.marks.problems.append(f"{report.nodeid}: {report.longreprtext}")
            return
        worth = dict(report.user_properties)
        question, points = worth["question"], worth["points"]
        self.marks.max[question] = self.marks.max.get(question, 0.0) + points
        self.marks.score[question] = self.marks.score.get(question, 0.0) + points * report.passed
        if not report.passed:
            self.marks.failed.append(report.nodeid.rsplit("::", 1)[1])

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read each test's markers; a test without them counts nothing, which is a mistake."""
        for item in items:
            question, points = item.get_closest_marker("question"), item.get_closest_marker("points")
            if question is None or points is None:
                raise pytest.UsageError(f"{item.nodeid} needs the markers question(...) and points(...)")
            item.user_properties += [("question", question.args[0]), ("points", float(points.args[0]))]


def mark(process: Process, tests: Path, seed: int = 0) -> Marks:
    """Run graded tests against the notebook that was loaded last."""
    plugin = Marking(process, seed)
    options = ["-q", "--noconftest", "-p", "no:cacheprovider", "-p", "no:nbval", f"--rootdir={ROOT}"]
    code = pytest.main([*options, "--no-header", "--no-summary", str(tests)], plugins=[plugin])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        plugin.marks.problems.append(f"pytest ended with {code!r}")
    return plugin.marks

"""What marking a submission gives, and the limits it runs under."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

STATUSES = ("graded", "timeout", "memory limit", "died", "protocol error", "bad notebook", "grader error")


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Sizes are in bytes, times in seconds of wall clock."""

    memory: int = 2 * 2**30
    """Of all its processes together, beyond what they share with the warm process."""
    processes: int = 64
    """Processes and threads at a time."""
    load_seconds: float = 60.0
    """For running the notebook from top to bottom."""
    call_seconds: float = 10.0
    """For one call from a graded test."""
    seconds: float = 180.0
    """For the whole submission."""
    file_size: int = 64 * 2**20
    """Of one file that it writes; all its files together may take three times as much."""
    answer_size: int = 64 * 2**20
    """Of one answer to a graded test."""
    notebook_size: int = 20 * 2**20
    """Of the notebook file."""


@dataclass
class TestResult:
    """One graded test: what it was worth and how it ended."""

    __test__ = False  # pytest: this is no test class

    test: str
    question: str
    public: bool
    score: float
    max: float
    outcome: str
    """passed, failed, raised, not run, grader error, or a status other than graded."""
    message: str = ""
    seconds: float = 0.0


@dataclass
class Result:
    """The marks of one submission."""

    student: str
    status: str
    """Begins with one of `STATUSES`."""
    score: float
    """The sum over the tests; nan after an error of the grader, which is never a zero."""
    max: float
    tests: list[TestResult]
    needs_review: bool
    """Whether a person should look: nothing was marked, or not as usual."""
    sha256: str
    """Of the notebook file; empty where it could not be read."""
    seed: int | str
    """The secret from which the inputs of the tests were drawn."""
    exercise: str
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)
    sandboxed: bool = True
    remarks: list[str] = field(default_factory=list)
    """What a person should know: cells that raised, names that were not found."""

    @classmethod
    def fault(cls, student: str, why: str, *, seed: int | str, exercise: str, sandboxed: bool) -> Result:
        """What there is to say where the grader itself failed: no points, and no zero."""
        return cls(
            student=student,
            status=f"grader error: {why}",
            score=math.nan,
            max=math.nan,
            tests=[],
            needs_review=True,
            sha256="",
            seed=seed,
            exercise=exercise,
            seconds=0.0,
            sandboxed=sandboxed,
        )

    def questions(self, value: Callable[[TestResult], float] = lambda test: test.score) -> dict[str, float]:
        """Points of each question in the order of the tests; ``max`` instead with ``lambda test: test.max``."""
        points: dict[str, float] = {}
        for test in self.tests:
            points[test.question] = points.get(test.question, 0.0) + value(test)
        return points

    def to_json(self) -> str:
        """All of it as JSON; nan, which JSON lacks, as null."""
        record = dataclasses.asdict(self)
        for entry in (record, *record["tests"]):
            entry.update({key: None for key in ("score", "max") if math.isnan(entry[key])})
        return json.dumps(record, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Result:
        """What `to_json` wrote."""
        record: dict[str, Any] = json.loads(text)
        for entry in (record, *record["tests"]):
            entry.update({key: math.nan for key in ("score", "max") if entry[key] is None})
        record["tests"] = [TestResult(**test) for test in record["tests"]]
        return cls(**record)

"""Marks a submission: `grade` for one notebook, `Grader` for many."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import coursekit
from coursekit.grading.result import Limits, Result
from coursekit.grading.sandbox import SandboxUnavailable


class Grader:
    """A process that marks one submission after the other, warm from the second on.

    Parameters
    ----------
    unsafe_no_sandbox
        Run submissions with the caller's own rights. Results are marked: ``sandboxed`` is False, a review is needed.

    Raises
    ------
    SandboxUnavailable
        Where there is no sandbox; the message says how to get one.
    """

    def __init__(self, *, unsafe_no_sandbox: bool = False) -> None:
        self.unsafe = unsafe_no_sandbox
        self._start()

    def _start(self) -> None:
        own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
        home = str(Path(coursekit.__file__).parents[1])
        own["PYTHONPATH"] = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
        inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        self.process = subprocess.Popen(
            # -P: the folder where the caller stands may be full of submissions, which must not be imported from
            [sys.executable, "-P", "-m", "coursekit.grading.judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=inherited | own,
            text=True,
            start_new_session=True,  # Ctrl-C is for the caller, who closes this
        )
        answer = self._exchange({"unsafe": self.unsafe})
        if "ready" not in answer:
            self.close()
            raise SandboxUnavailable(answer.get("unavailable", answer.get("fault", "")))

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            return {"fault": "the process that marks has ended"}

    def grade(
        self,
        notebook: str | Path,
        tests: str | Path,
        *,
        student: str,
        seed: int | str | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """As the function `grade`."""
        seed = secrets.token_hex(16) if seed is None else seed
        limits = Limits() if limits is None else limits
        job = {
            "notebook": os.path.abspath(notebook),
            "tests": os.path.abspath(tests),
            "student": student,
            "seed": seed,
            "limits": dataclasses.asdict(limits),
        }
        answer = self._exchange(job)
        if "result" in answer:
            return Result.from_json(answer["result"])
        if self.process.poll() is not None:
            self.close()
            self._start()
        return Result.fault(student, answer["fault"], seed=seed, exercise="", sandboxed=not self.unsafe)

    def close(self) -> None:
        """End the process and the sandbox."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # what a dead process was not told any more
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def grade(
    notebook: str | Path,
    tests: str | Path,
    *,
    student: str,
    seed: int | str | None = None,
    limits: Limits | None = None,
) -> Result:
    """Mark one notebook with the graded tests of one file.

    Nothing is raised for the submission's sake: what it did stands in the result's ``status``.

    Parameters
    ----------
    notebook
        The submission. It runs in a sandbox, never in this process.
    tests
        A pytest file with the fixtures ``student`` and ``rng`` and the markers ``question``, ``points`` and ``public``.
    student
        Who it is from. The inputs of the tests are drawn from the seed, this name and the notebook's checksum.
    seed
        The secret. Without one a new one is drawn; the result has it.
    limits
        What the submission may use.

    Raises
    ------
    FileNotFoundError
        If there is no file ``tests``.
    SandboxUnavailable
        Where there is no sandbox; the message says how to get one.
    """
    if not Path(tests).is_file():
        raise FileNotFoundError(f"grade: tests must be a file with graded tests, was {str(tests)!r}")
    with Grader() as grader:
        return grader.grade(notebook, tests, student=student, seed=seed, limits=limits)

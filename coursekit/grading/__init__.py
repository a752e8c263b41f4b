"""Marks exercises: the submission runs in a sandbox, what it answers is judged outside.

Needs the extra ``grading`` and, for the sandbox, Linux with bubblewrap.
"""

from coursekit.grading.grader import Grader, grade
from coursekit.grading.result import Limits, Result, TestResult
from coursekit.grading.sandbox import SandboxUnavailable

__all__ = ["Grader", "Limits", "Result", "SandboxUnavailable", "TestResult", "grade"]

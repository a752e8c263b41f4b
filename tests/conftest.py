"""What all tests share."""

import os

import pytest

CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@pytest.fixture(scope="session")
def unavailable():
    """`unavailable("no chromium")`: fails under CI=true, skips and says so elsewhere."""

    def stop(reason: str) -> None:
        if CI:
            pytest.fail(f"cannot run under CI: {reason}")
        pytest.skip(reason)

    return stop


@pytest.fixture(scope="session")
def grader(unavailable):
    """One grader for all tests: its sandbox takes seconds to start."""
    from coursekit.grading import Grader, SandboxUnavailable

    try:
        grader = Grader()
    except SandboxUnavailable as error:
        unavailable(str(error))
    yield grader
    grader.close()

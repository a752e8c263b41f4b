"""What all tests share."""

import importlib.util
import os

import pytest

from tests.chromium import headless, path

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
def chromium(unavailable):
    """`with chromium() as browser`, where there is one."""
    if path() is None:
        unavailable("chromium is not installed, so nothing was tested in a browser; `make test` installs it")
    if importlib.util.find_spec("playwright") is None:
        unavailable("playwright is not installed, so nothing was tested in a browser; `make test` installs it")
    return headless


@pytest.fixture(scope="module")
def browser(chromium):
    """A browser that is closed with the module, so that the next module in this process can have its own."""
    with chromium() as browser:
        yield browser


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

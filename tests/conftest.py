"""What all tests share."""

import contextlib
import os
import shutil

import pytest

CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


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
    """`with chromium() as browser`: a headless Chromium. Playwright allows one at a time in a process."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        unavailable("chromium is not installed, so nothing was tested in a browser; `make test` installs it")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed, so nothing was tested in a browser; `make test` installs it")

    @contextlib.contextmanager
    def start():
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
            yield browser
            browser.close()

    return start


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

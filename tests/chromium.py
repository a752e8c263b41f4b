"""The browser of the tests."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 30.0  # seconds in which Playwright's own process must end, once the browser is closed


def path() -> str | None:
    """The path of Chromium, if it is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.contextmanager
def headless() -> Iterator[Browser]:
    """A headless Chromium. Playwright allows one at a time in a process."""
    import psutil
    from playwright.sync_api import sync_playwright

    with contextlib.ExitStack() as at_last:
        with sync_playwright() as playwright:
            (driver,) = (child for child in psutil.Process().children() if "run-driver" in child.cmdline())
            browser = playwright.chromium.launch(executable_path=path(), args=ARGUMENTS)
            yield browser
            browser.close()
            patience = threading.Timer(PATIENCE, driver.kill)  # it was once seen not to end, which nobody waits for
            patience.start()
            at_last.callback(patience.cancel)

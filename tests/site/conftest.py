"""The built site in a real browser, served under a sub-path as GitHub Pages serves it.

The site is `_build/html`, or the folder that COURSEKIT_SITE names; when there is none it is built first. Every page is
visited in four ways, wide and on a phone, light and dark, and what was seen is kept for all tests.
"""

from __future__ import annotations

import functools
import http.server
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.site.visiting import PREFIX, Visit, opener, windows_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(unavailable) -> Path:
    """The folder of the built site."""
    folder = Path(os.environ.get("COURSEKIT_SITE", ROOT / "_build" / "html"))
    if not (folder / "index.html").exists():
        builder = shutil.which("jupyter-book", path=str(Path(sys.executable).parent))
        if builder is None:
            unavailable("the site is not built and jupyter-book is not installed: run `make html`")
        command = [builder, "build", ".", "--toc", "book/_toc.yml", "-W", "-n", "--keep-going"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def extension():
    """`extension("site_links")`: a module of the site's own Sphinx extensions, which live beside the book."""
    pytest.importorskip("sphinx")
    folder = str(ROOT / "book" / "_ext")
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)


@pytest.fixture(scope="session")
def pages(site) -> list[str]:
    """Every page of this build, as a path relative to the site's front folder (an older build's may lie beside it)."""
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    documents = json.loads(re.search(r'"?docnames"?:\s*(\[.*?\])', index).group(1))
    return sorted(f"{name}.html" for name in [*documents, "genindex", "search"])


class _Handler(http.server.SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        return super().translate_path("/" + path.removeprefix(PREFIX) if path.startswith(PREFIX) else "/no/such/file")

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture(scope="session")
def address(site):
    """The address of the site's front folder."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser(chromium):
    """One for the whole site, whose windows are shared by all tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def visit(browser, address):
    """A function that opens a page and gives it with its record of problems; close the page when done."""
    windows = windows_of(browser)
    yield opener(windows, address)
    for window in windows.values():
        window.close()


@pytest.fixture(scope="session")
def visits(pages, address, chromium) -> list[Visit]:
    """Every page visited wide and on a phone, light and dark; a process for each core shares them."""
    shares = min(os.cpu_count() or 2, 4)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.site.visiting", address, *pages[first::shares]],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        for first in range(shares)
    ]
    printed = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * shares
    records = (Visit(**record) for text in printed for record in json.loads(text))
    return sorted(records, key=lambda visit: (visit.page, visit.way, visit.dark))

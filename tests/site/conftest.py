"""The built site in a real browser, served under a sub-path as GitHub Pages serves it.

The site is `_build/html`, or the folder that COURSEKIT_SITE names; when there is none it is built first. Every page is
visited twice, wide and light, then on a phone in the dark, and what was seen is kept for all tests.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREFIX = "/course/"
WAYS = {"wide": {"width": 1400, "height": 1000}, "phone": {"width": 360, "height": 740}}
READY = """async () => {
    await window.MathJax?.startup?.promise;
    const views = document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]').length;
    const shown = () => document.querySelectorAll('.coursekit-figure, .live-figure-message').length;
    for (let i = 0; i < 200 && shown() < views; i++) await new Promise((done) => setTimeout(done, 50));
    const images = [...document.images];
    images.forEach((image) => (image.loading = 'eager'));
    await Promise.all(images.filter((image) => !image.complete).map((image) => image.decode().catch(() => {})));
}"""
LOOK = """() => {
    const article = document.querySelector('article') ?? document.body;
    const prose = article.cloneNode(true);
    prose.querySelectorAll('pre, code, script, style, mjx-container').forEach((element) => element.remove());
    const all = (selector) => [...document.querySelectorAll(selector)];
    return {
        formulas: all('span.math, div.math').length,
        rendered: all('span.math mjx-container, div.math mjx-container').length,
        errors: all('mjx-merror, [data-mjx-error]').map((element) => element.textContent),
        raw: prose.textContent.match(/\\$\\$|\\\\\\(|\\\\\\[|\\{(?:term|cite|eq|numref|ref)[:a-z]*\\}/g) ?? [],
        images: all('img').map((image) => ({ source: image.currentSrc, alt: image.getAttribute('alt'),
                                              loaded: image.complete && image.naturalWidth > 0 })),
        views: all('script[type="application/vnd.jupyter.widget-view+json"]').length,
        figures: all('.coursekit-figure').length,
        messages: all('.live-figure-message').map((element) => element.textContent),
        width: document.documentElement.scrollWidth,
    };
}"""


@dataclass
class Visit:
    """What one page showed in one window."""

    page: str
    way: str
    problems: list[str] = field(default_factory=list)  # console errors, uncaught errors, failed requests
    foreign: list[str] = field(default_factory=list)  # requests beyond the site's own origin and sub-path
    seen: dict = field(default_factory=dict)  # what LOOK returns
    violations: list[str] = field(default_factory=list)  # axe-core


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
    windows = {
        (way, dark): browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
        for way, size in WAYS.items()
        for dark in (False, True)
    }

    def open_page(path: str, way: str = "wide", dark: bool = False):
        page, record = windows[way, dark].new_page(), Visit(path, way)
        own = (address, f"blob:{address.removesuffix(PREFIX)}/", "data:")
        page.on("console", lambda message: message.type == "error" and record.problems.append(message.text))
        page.on("pageerror", lambda error: record.problems.append(str(error)))
        page.on(
            "response", lambda answer: answer.status >= 400 and record.problems.append(f"{answer.status} {answer.url}")
        )
        page.on("request", lambda request: request.url.startswith(own) or record.foreign.append(request.url))
        page.goto(address + path, wait_until="load")
        page.evaluate(READY)
        return page, record

    yield open_page
    for window in windows.values():
        window.close()


@pytest.fixture(scope="session")
def visits(pages, visit) -> list[Visit]:
    """Every page visited wide and light, and on a phone in the dark."""
    from axe_playwright_python.sync_playwright import Axe

    axe, records = Axe(), []
    for path in pages:
        for way, dark in (("wide", False), ("phone", True)):
            page, record = visit(path, way, dark)
            # A copy: axe-core fetches style sheets by wrong addresses, and what is logged then is not the page's fault.
            kept = replace(
                record, seen=page.evaluate(LOOK), problems=list(record.problems), foreign=list(record.foreign)
            )
            records.append(kept)
            for violation in axe.run(page).response["violations"]:
                where = "; ".join(node["html"][:150] for node in violation["nodes"][:3])
                kept.violations.append(f"{violation['id']}: {violation['help']}: {where}")
            page.close()
    return records

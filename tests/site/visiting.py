"""What a page of the site shows in a window.

`python -m tests.site.visiting ADDRESS PAGE...` visits pages, wide and light and on a phone in the dark, and prints what
it saw as JSON: the tests run several such processes at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from tests.chromium import headless

PREFIX = "/course/"
WAYS = {"wide": {"width": 1400, "height": 1000}, "phone": {"width": 360, "height": 740}}
READY = """async () => {
    await window.MathJax?.startup?.promise;
    const views = document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]').length;
    const drawn = '.coursekit-figure:not([aria-busy="true"]), .live-figure-message';
    const shown = () => document.querySelectorAll(drawn).length;
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


def windows_of(browser) -> dict:
    """A window for each way of looking."""
    return {
        (way, dark): browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
        for way, size in WAYS.items()
        for dark in (False, True)
    }


def opener(windows: dict, address: str) -> Callable:
    """A function that opens a page and gives it with its record of problems; close the page when done."""

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

    return open_page


def look(page, record: Visit, axe) -> Visit:
    """The record with what the page shows."""
    # A copy: axe-core fetches style sheets by wrong addresses, and what is logged then is not the page's fault.
    kept = replace(record, seen=page.evaluate(LOOK), problems=list(record.problems), foreign=list(record.foreign))
    for violation in axe.run(page).response["violations"]:
        where = "; ".join(node["html"][:150] for node in violation["nodes"][:3])
        kept.violations.append(f"{violation['id']}: {violation['help']}: {where}")
    return kept


def main(address: str, pages: list[str]) -> None:
    """Visit all pages and print the records."""
    from axe_playwright_python.sync_playwright import Axe

    axe, records = Axe(), []
    with headless() as browser:
        open_page = opener(windows_of(browser), address)
        for path in pages:
            for way, dark in (("wide", False), ("phone", True)):
                page, record = open_page(path, way, dark)
                records.append(asdict(look(page, record, axe)))
                page.close()
    json.dump(records, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

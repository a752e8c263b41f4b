"""What a page of the site shows in a window.

`python -m tests.site.visiting ADDRESS PAGE...` visits pages in all four ways, wide and on a phone, light and dark, and
prints what it saw as JSON: the tests run several such processes at once. A page is loaded once for each width, wide in
the light and on a phone in the dark, and is then turned dark or light.

Nearly all of a visit's time is axe-core's, and nearly all of that is the contrast of each piece of text with what lies
behind it. Texts of one kind have one contrast, so axe judges a few of each (MARK), and after the change of light only
the rules that look at colours.
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
# Marks the texts whose contrast axe is to judge: REPRESENTATIVES of each kind. Of one kind are texts of the same
# element and class, colour, size and weight, with the same boxes around them. What is placed out of the flow, or is
# drawn, is a kind of its own. Formulas have no text that axe could read: MathJax draws with the style sheet.
REPRESENTATIVES = 3
MARK = """(most) => {
    const numbers = new Map(), around = new Map([[null, 0]]), marked = new Map();
    const number = (value) => numbers.get(value) ?? (numbers.set(value, numbers.size + 1), numbers.size);
    const boxes = (element) => {
        if (!around.has(element)) {
            const style = getComputedStyle(element), outside = boxes(element.parentElement);
            const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter, style.mixBlendMode];
            const placed = !['static', 'relative'].includes(style.position) || style.transform !== 'none';
            const plain = own.join() === 'rgba(0, 0, 0, 0),none,1,none,normal';
            around.set(element, placed ? number(element) : plain ? outside : number([outside, ...own].join()));
        }
        return around.get(element);
    };
    for (const element of document.body.querySelectorAll('*:not(mjx-container *)')) {
        element.removeAttribute('data-contrast');
        const control = element.matches('input, select, textarea, button');
        const text = [...element.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        if (!control && !(text && element.checkVisibility({ visibilityProperty: true }))) continue;
        const style = getComputedStyle(element), alone = control || element.ownerSVGElement;
        const look = [style.color, style.fontSize, style.fontWeight, style.textShadow, boxes(element)];
        const kind = alone ? element : [element.tagName, element.className, ...look].join();
        marked.set(kind, (marked.get(kind) ?? 0) + 1);
        if (marked.get(kind) <= most) element.dataset.contrast = '';
    }
    axe.configure({ rules: [{ id: 'color-contrast', selector: '[data-contrast]' }] });
}"""
# What axe need not weigh: words of code that are not marked, which have a class and no more; and where it looks at
# colours, the inside of formulas.
JOIN_WORDS = """() => {
    for (const word of document.querySelectorAll('pre span:not([data-contrast])')) {
        if (!word.firstElementChild && word.attributes.length < 2) word.replaceWith(...word.childNodes);
    }
}"""
EMPTY_FORMULAS = """() => {
    const parts = [...document.querySelectorAll('mjx-container > *')];
    for (const [part, box] of parts.map((part) => [part, part.getBoundingClientRect()])) {
        part.style.cssText = `display: inline-block; width: ${box.width}px; height: ${box.height}px`;
        part.replaceChildren();
    }
}"""
COLOURS = ["color-contrast", "link-in-text-block"]
RUN = """([colours, only]) => axe.run(document, {
    reporter: 'no-passes', resultTypes: ['violations'],
    preload: false,  // nothing is fetched
    ...(only ? { runOnly: colours } : { rules: Object.fromEntries(colours.map((name) => [name, { enabled: false }])) }),
})"""
# Waits until the theme has followed the light, and ends what fades from one colour to another; gives the theme.
TURNED = """async (theme) => {
    for (let i = 0; i < 100 && document.documentElement.dataset.theme !== theme; i++) {
        await new Promise((done) => setTimeout(done, 50));
    }
    for (let i = 0; i < 5; i++) {
        const fading = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
        fading.forEach((animation) => animation.finish());
    }
    return document.documentElement.dataset.theme;
}"""
LOOK = """() => {
    const article = document.querySelector('article') ?? document.body;
    const prose = article.cloneNode(true);
    prose.querySelectorAll('pre, code, script, style, mjx-container').forEach((element) => element.remove());
    const all = (selector) => [...document.querySelectorAll(selector)];
    return {
        formulas: all('span.math, div.math').length,
        rendered: all('span.math mjx-container, div.math mjx-container').length,
        cut: all('mjx-container[display="true"]').filter((box) => box.scrollWidth > box.clientWidth + 1)
            .map((box) => box.closest('[id]').id),
        faded: all('span.math[data-more]').map((formula) => formula.parentElement.textContent.slice(0, 80)),
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
    way: str  # wide or phone
    dark: bool = False
    problems: list[str] = field(default_factory=list)  # console errors, uncaught errors, failed requests
    foreign: list[str] = field(default_factory=list)  # requests beyond the site's own origin and sub-path
    seen: dict = field(default_factory=dict)  # what LOOK returns
    violations: list[str] = field(default_factory=list)  # axe-core

    @property
    def name(self) -> str:
        """The page, and the way in which it was seen."""
        return f"{self.page} ({self.way}, {'dark' if self.dark else 'light'})"


def windows_of(browser) -> dict:
    """A window for each way of looking."""
    return {
        (way, dark): browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
        for way, size in WAYS.items()
        for dark in (False, True)
    }


def opener(windows: dict, address: str, keep: bool = False) -> Callable:
    """A function that opens a page and gives it with its record of problems; close the page when done.

    A new page takes the browser a second: with ``keep`` each window has one, in which address follows address.
    """
    own = (address, f"blob:{address.removesuffix(PREFIX)}/", "data:")
    pages: dict = {}
    records: dict = {}

    def new_page(window):
        page = window.new_page()

        def note(kind: str, what: str) -> None:
            getattr(records[page], kind).append(what)

        page.on("console", lambda message: message.type == "error" and note("problems", message.text))
        page.on("pageerror", lambda error: note("problems", str(error)))
        page.on("response", lambda answer: answer.status >= 400 and note("problems", f"{answer.status} {answer.url}"))
        page.on("request", lambda request: request.url.startswith(own) or note("foreign", request.url))
        return page

    def open_page(path: str, way: str = "wide", dark: bool = False):
        page = pages.get((way, dark)) or new_page(windows[way, dark])
        if keep:
            pages[way, dark] = page
        records[page] = record = Visit(path, way, dark)
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.goto(address + path, wait_until="load")
        page.evaluate(READY)
        return page, record

    return open_page


def violations(page, colours: bool) -> list[str]:
    """What axe-core objects to: by the rules that look at colours, or by all the others."""
    return [
        f"{violation['id']}: {violation['help']}: {'; '.join(node['html'][:150] for node in violation['nodes'][:3])}"
        for violation in page.evaluate(RUN, [COLOURS, colours])["violations"]
    ]


def look(page, record: Visit, axe: str) -> list[Visit]:
    """Copies of the record with what the page shows as it was opened, and in the other light.

    ``axe`` is the text of axe-core. The page must be loaded again before it is used.
    """

    def seen(**changed) -> Visit:
        return replace(
            record, seen=page.evaluate(LOOK), problems=list(record.problems), foreign=list(record.foreign), **changed
        )

    opened = seen()
    page.evaluate(axe)
    page.evaluate(MARK, REPRESENTATIVES)
    page.evaluate(JOIN_WORDS)
    opened.violations = violations(page, colours=False)
    page.evaluate(EMPTY_FORMULAS)
    opened.violations += violations(page, colours=True)

    other = "light" if record.dark else "dark"
    page.bring_to_front()  # what no one sees need not follow
    page.emulate_media(color_scheme=other)
    assert page.evaluate(TURNED, other) == other
    page.evaluate(MARK, REPRESENTATIVES)
    return [opened, seen(dark=not record.dark, violations=violations(page, colours=True))]


def main(address: str, pages: list[str]) -> None:
    """Visit all pages and print the records."""
    from axe_playwright_python.base import AXE_SCRIPT

    records = []
    with headless() as browser:
        open_page = opener(windows_of(browser), address, keep=True)
        for path in pages:
            for way, dark in (("wide", False), ("phone", True)):
                page, record = open_page(path, way, dark)
                records += map(asdict, look(page, record, AXE_SCRIPT))
    json.dump(records, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

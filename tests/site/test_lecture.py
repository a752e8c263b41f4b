"""The lecturer's mode: everything on the page comes by, a screen at a time, with live figures and speaker's notes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = "book/density/kl-divergence.html"
WHERE = "document.querySelector('.lecture-bar output').textContent"
BLOCKS = """() => {
    const walk = (section) => [...section.children].flatMap((child) =>
        child.tagName === 'SECTION' ? walk(child) : /^H[1-6]$/.test(child.tagName) ? [] : [child]);
    return walk(document.querySelector('article.bd-article > section'));
}"""
NUMBER = f"({BLOCKS})().forEach((block, index) => {{ block.dataset.block = index; }})"
SHOWN = """[...document.querySelectorAll('[data-block]')].filter((block) => block.getClientRects().length)
           .map((block) => block.dataset.block)"""
TALL = "document.documentElement.scrollHeight - innerHeight"


@pytest.fixture
def lecture(visit):
    """A chapter in which the lecture has begun by the key L."""
    page, record = visit(PAGE)
    page.evaluate(NUMBER)
    before = page.evaluate(SHOWN)
    page.keyboard.press("l")
    page.wait_for_selector(".lecture-bar")
    yield page, before
    assert record.problems == [] and record.foreign == []
    page.close()


def screens_of(page) -> int:
    return int(page.evaluate(WHERE).split(":")[0].split(" of ")[1])


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_every_paragraph_cell_and_figure_comes_by_once(lecture):
    page, before = lecture
    seen, tall = [], 0
    for number in range(1, screens_of(page) + 1):
        assert page.evaluate(WHERE).startswith(f"{number} of ")
        now = page.evaluate(SHOWN)
        assert now
        if page.evaluate(TALL) > 4:
            tall += 1
            assert len(now) == 1  # only what is too high by itself scrolls
        seen += now
        while page.evaluate(WHERE).startswith(f"{number} of ") and number < screens_of(page):
            page.keyboard.press("PageDown")
    assert seen == before
    assert tall < len(seen) / 3
    size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('article p')).fontSize)")
    assert size >= 22  # pixels, on a screen 1400 wide


@pytest.mark.browser
def test_a_live_figure_keeps_its_keys_and_works(lecture):
    page, _ = lecture
    while page.query_selector(".coursekit-figure:visible") is None:
        page.keyboard.press("PageDown")
    figure = page.query_selector(".coursekit-figure:visible")
    control = figure.query_selector("[role=slider], input[type=range]")
    picture, where = figure.inner_html(), page.evaluate(WHERE)
    control.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(WHERE) == where  # the arrow is the figure's
    assert figure.inner_html() != picture or figure.inner_text() != picture


@pytest.mark.browser
def test_an_address_leads_back_to_the_screen(visit, lecture):
    page, _ = lecture
    for _ in range(14):
        page.keyboard.press("PageDown")
    where, shown = page.evaluate(WHERE), page.evaluate(SHOWN)
    query = page.url.split("kl-divergence.html")[1]
    assert query.startswith("?lecture=") and "#" in query
    other, _ = visit(PAGE + query)
    other.evaluate(NUMBER)
    assert other.evaluate(WHERE) == where and other.evaluate(SHOWN) == shown
    other.keyboard.press("Escape")
    assert other.query_selector(".lecture-bar") is None and len(other.evaluate(SHOWN)) > len(shown)
    other.close()


@pytest.mark.browser
def test_the_key_can_be_switched_off(lecture):
    page, _ = lecture
    page.uncheck(".lecture-bar input")
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    assert page.query_selector(".lecture-bar") is None
    page.click(".lecture-button")
    page.check(".lecture-bar input")
    page.click(".lecture-bar >> text=Leave")
    assert page.query_selector(".lecture-bar") is None


@pytest.mark.browser
def test_the_notes_stand_in_a_second_window_and_follow(lecture):
    page, _ = lecture
    with page.context.expect_page() as opened:
        page.click(".lecture-bar >> text=Notes")
    notes = opened.value
    first = notes.evaluate("document.body.innerText")
    cells = json.loads((ROOT / PAGE).with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    assert cells[0]["metadata"]["coursekit"]["notes"] in first  # the title's, though its section has no text of its own
    notes.keyboard.press("PageDown")
    assert page.evaluate(WHERE).startswith("2 of ")
    assert notes.evaluate("document.body.innerText") != first
    notes.close()


def test_notes_belong_to_the_section_that_their_cell_opens_or_stands_in(extension):
    notes_of = extension("site_lecture").notes_of

    def cell(kind, source, notes=None):
        return {"cell_type": kind, "source": source, "metadata": {"coursekit": {"notes": notes}} if notes else {}}

    notebook = {
        "cells": [
            cell("markdown", ["# Title\n", "\n", "## Aims\n"], "begin here"),
            cell("code", "# no heading\n", ["run it", "twice"]),
            cell("markdown", "```\n# no heading\n```\ntext"),
            cell("markdown", "## Second\n### Third", "open"),
            cell("markdown", "text", "stay"),
        ]
    }
    sections = ["title", "aims", "second", "third"]
    assert notes_of(json.loads(json.dumps(notebook)), sections) == {
        "title": ["begin here"],
        "aims": ["run it", "twice"],
        "second": ["open"],
        "third": ["stay"],
    }

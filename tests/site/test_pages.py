"""Every page of the site, wide and on a phone, light and dark."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from tests.site.visiting import WAYS

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]


def gathered(visits, problems) -> list[str]:
    """One line for each problem that ``problems(visit)`` finds, with the page where it is."""
    return [f"{visit.name}: {problem}" for visit in visits for problem in problems(visit)]


def test_every_page_is_seen_in_four_ways(pages, visits):
    seen = {(visit.page, visit.way, visit.dark) for visit in visits}
    assert seen == {(page, way, dark) for page in pages for way in WAYS for dark in (False, True)}


def test_no_request_leaves_the_site(visits):
    assert gathered(visits, lambda visit: visit.foreign) == []


def test_no_page_logs_an_error(visits):
    assert gathered(visits, lambda visit: visit.problems) == []


def test_all_mathematics_is_rendered(visits):
    assert gathered(visits, lambda visit: visit.seen["errors"]) == []
    assert [v.page for v in visits if v.seen["rendered"] < v.seen["formulas"]] == []
    assert sum(visit.seen["rendered"] for visit in visits) > 0


def test_no_formula_is_cut_on_a_wide_page(visits):
    assert [(v.page, v.seen["cut"]) for v in visits if v.way == "wide" and v.seen["cut"]] == []
    assert [(v.page, v.seen["faded"]) for v in visits if v.way == "wide" and v.seen["faded"]] == []
    assert any(v.seen["faded"] for v in visits if v.way == "phone")  # where a formula is longer than a line, it scrolls


def test_no_markup_is_left_raw(visits):
    assert gathered(visits, lambda visit: visit.seen["raw"]) == []


def test_every_picture_is_there_and_described(visits):
    def problems(visit):
        for image in visit.seen["images"]:
            name = PurePosixPath(image["source"]).name
            alt = (image["alt"] or "").strip()
            if not image["loaded"]:
                yield f"{name} does not load"
            if not alt or alt.endswith((".png", ".svg", ".jpg", ".jpeg", ".gif")) or PurePosixPath(name).stem in alt:
                yield f"{name} has the alternative text {alt!r}"

    assert gathered(visits, problems) == []


def test_every_live_figure_is_shown(visits):
    def problems(visit):
        yield from (text for text in visit.seen["messages"] if "could not be shown" in text)
        if visit.seen["figures"] + len(visit.seen["messages"]) != visit.seen["views"]:
            yield f"{visit.seen['views']} stored figures, {visit.seen['figures']} shown"

    assert gathered(visits, problems) == []


def test_every_live_cell_of_a_chapter_has_its_figure(visits):
    missing = []
    for visit in visits:
        notebook = (ROOT / visit.page).with_suffix(".ipynb")
        if notebook.is_file():
            cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
            live = sum("live" in cell["metadata"].get("coursekit", {}) for cell in cells)
            if visit.seen["figures"] < live:
                missing.append(f"{visit.name}: {live} live cells, {visit.seen['figures']} figures")
    assert missing == []


def test_no_page_scrolls_sideways(visits):
    assert [(v.name, v.seen["width"]) for v in visits if v.seen["width"] > WAYS[v.way]["width"]] == []


def test_accessibility(visits):
    assert gathered(visits, lambda visit: visit.violations) == []

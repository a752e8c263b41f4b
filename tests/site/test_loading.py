"""How a page loads: what it waits for, what keeps its place, what is sent."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

FONT = "_static/vendor/fontawesome/webfonts/fa-solid-900.woff2"
SHEET = "_static/styles/pydata-sphinx-theme.css"


@pytest.fixture(scope="module")
def loading(extension):
    pytest.importorskip("fontTools")
    return extension("site_loading")


@pytest.fixture(scope="module")
def texts(site, pages):
    return {page: (site / page).read_text(encoding="utf-8") for page in pages}


def test_no_page_waits_for_scripts_or_carries_the_index_of_the_search(texts):
    for name, text in texts.items():
        tags = re.findall(r'<script([^>]*) src="([^"]*)"', text)
        waits = [file for attributes, file in tags if not re.search(r"\b(defer|module)\b", attributes)]
        assert [Path(urlsplit(file).path).name for file in waits] == ["documentation_options.js"], name
        assert any("searchindex.js" in file for _, file in tags) == (name == "search.html"), name


def test_a_script_that_others_need_keeps_its_place(loading):
    page = (
        '<script src="_static/documentation_options.js?v=1"></script> <script data-a="b" src="a.js"></script>'
        '<script src="../searchindex.js"></script><script async src="c.js"></script><script>let d;</script>'
    )
    kept = page.replace('<script data-a="b" src', '<script defer data-a="b" src')
    assert loading.SCRIPT.sub(partial(loading.deferred, True), page) == kept.replace(
        '<script src="../searchindex.js">', '<script defer src="../searchindex.js">'
    )
    assert loading.SCRIPT.sub(partial(loading.deferred, False), page) == kept.replace(
        '<script src="../searchindex.js"></script>', ""
    )


def test_pictures_of_chapters_have_their_size_and_come_when_they_are_near(site, texts):
    from PIL import Image

    seen = 0
    for name, text in texts.items():
        for tag in re.findall(r'<img [^>]*src="[^"]*_images/[^"]*\.png"[^>]*>', text):
            found = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
            with Image.open((site / name).parent / found["src"]) as picture:
                assert (int(found["width"]), int(found["height"])) == picture.size, tag
            assert found["loading"] == "lazy"
            seen += 1
    assert seen > 50


def test_a_formula_is_given_the_width_that_it_will_have(loading, texts, visit):
    errors = []
    for name in ("book/notation.html", "book/autoencoders/elbo.html", "book/generators/normalizing-flows.html"):
        spans = re.findall(r'<span class="math[^>]*>', texts[name])
        assert len(spans) > 30 and all("--ems:" in span for span in spans), name
        page, _ = visit(name)
        errors += page.evaluate(
            """async () => { await MathJax.startup.promise;
            return [...document.querySelectorAll("span.math[style]")].map((span) =>
                parseFloat(span.style.getPropertyValue("--ems"))
                    - span.getBoundingClientRect().width / parseFloat(getComputedStyle(span).fontSize)); }"""
        )
    assert len(errors) > 200
    assert sum(map(abs, errors)) / len(errors) < 0.5  # ems: the width of a narrow letter
    assert loading.ems("x") < loading.ems("x^2") < loading.ems("xx") < loading.ems(r"x \le x")
    assert loading.ems(r"\mathbb{E}_{q}") == pytest.approx(loading.CAPITAL + loading.SMALLER * loading.LETTER)


def test_a_stop_stays_on_the_line_of_its_formula(loading, texts):
    formula = '<span class="math notranslate nohighlight">\\(x\\)</span>'
    linked = f'<a class="symbol" href="#x">{formula}</a>'
    page = f"<p>Let {formula}, and {linked}). Then {formula} holds.</p>"
    once = loading.STOP.sub(loading.UNBROKEN, page)
    assert once == (
        f'<p>Let <span class="unbroken">{formula},</span> and <span class="unbroken">{linked}).</span> '
        f"Then {formula} holds.</p>"
    )
    assert loading.STOP.sub(loading.UNBROKEN, once) == once  # a page that a rebuild leaves alone stays as it is
    assert sum(text.count('class="unbroken"') for text in texts.values()) > 500


def test_the_icons_of_the_pages_are_in_the_font_and_few_others(site, texts):
    from fontTools.ttLib import TTFont

    glyphs = set(TTFont(site / FONT).getBestCmap())
    brands = set(TTFont(site / FONT.replace("solid-900", "brands-400")).getBestCmap())
    style = (site / SHEET).read_text(encoding="utf-8")
    for name in {name for text in texts.values() for name in re.findall(r"\bfa-(?!solid|brands|lg)[\w-]+", text)}:
        code = re.search(rf'\.{name}:{{1,2}}before[^{{}}]*\{{content:"\\([0-9a-f]+)"', style)
        assert code and int(code[1], 16) in glyphs | brands, name
    assert 20 < len(glyphs) < 60
    assert (site / FONT).stat().st_size < 10_000

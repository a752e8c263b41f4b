"""What axe-core is spared when a page is visited loses none of its findings."""

from __future__ import annotations

import pytest

from tests.site import visiting

pytestmark = pytest.mark.browser

# A case is a kind of text. Those named bad are too faint on what lies behind them; "night" is so in the dark alone.
PAGE = """<!doctype html><html lang="en"><head><title>Contrast</title><style>
    body { background: white; color: black; font-size: 16px; }
    .faint { color: #999; } .box { background: #444; padding: 4px; } .light { color: #ddd; } .soft { opacity: 0.3; }
    .placed { position: absolute; top: 600px; left: 20px; background: #333; color: #555; }
    .drawn { background: linear-gradient(#eee, #eee); }
    .a { color: #005; } .b { color: #500; } .night { color: #005; }
    @media (prefers-color-scheme: dark) { body { background: black; color: white; }
        .a { color: #aaf; } .b { color: #faa; } .night { color: #333; } }
    @media (prefers-color-scheme: dark) { .box { background: #555 } .light { color: #fff } .faint { color: #bbb } }
</style></head><body><main><h1>Contrast</h1>
    <p data-case="good">Good</p><p data-case="good">Good</p><p data-case="good">Good</p><p data-case="good">Good</p>
    <p class="faint" data-case="bad colour">Faint</p> <p class="faint" data-case="bad colour">Faint</p>
    <div class="box"><p class="light" data-case="good in a box">Light on dark</p></div>
    <p style="color: #999" data-case="bad by hand">Faint</p>
    <p class="light" data-case="bad outside the box">Light on white</p>
    <div class="box"><p data-case="bad in a box">Black on grey</p></div>
    <div class="soft"><p data-case="bad through a veil">Veiled</p></div>
    <p class="placed" data-case="bad place">Placed</p>
    <pre tabindex="0"><code>CODE</code></pre>
    <button class="light" style="background: white" data-case="bad control">Press</button>
</main></body></html>"""
WORDS = "".join(f'<span class="{name}">word</span> ' for name in "ab" * 40)
FAINT_WORD = '<span class="n faint" data-case="bad word">faint</span>'
NIGHT_WORD = '<span class="night" data-case="night">green</span>'
CASES = """async ([run, options]) => (await eval(run)(options)).violations
    .flatMap((violation) => violation.nodes.map((node) => /data-case="([^"]*)"/.exec(node.html)?.[1] ?? node.html))"""


@pytest.fixture
def page(browser):
    page = browser.new_page(color_scheme="light")
    page.set_content(PAGE.replace("CODE", WORDS + FAINT_WORD + WORDS + NIGHT_WORD))
    yield page
    page.close()


def faint(page) -> set[str]:
    return set(page.evaluate(CASES, [visiting.RUN, [["color-contrast"], True]]))


def test_one_text_of_each_kind_finds_what_all_texts_find(page):
    from axe_playwright_python.base import AXE_SCRIPT

    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.evaluate(AXE_SCRIPT)  # a fresh one, which looks at all texts
        everything = faint(page)
        page.evaluate(visiting.MARK, 1)
        page.evaluate(visiting.JOIN_WORDS)
        found[theme] = faint(page)
        assert found[theme] == everything
    assert found["light"] == {
        "bad colour", "bad by hand", "bad outside the box", "bad in a box", "bad through a veil", "bad place",
        "bad control", "bad word",
    }  # fmt: skip
    assert "night" in found["dark"]


def test_few_texts_are_weighed(page):
    page.evaluate("window.axe = { configure() {} }")
    page.evaluate(visiting.MARK, 3)
    page.evaluate(visiting.JOIN_WORDS)
    assert page.evaluate("document.querySelectorAll('[data-contrast]').length") < 40
    assert page.evaluate("document.querySelectorAll('pre span').length") == 3 + 3 + 2
    assert page.evaluate("document.querySelector('pre').innerText.split(' ').length") == 161

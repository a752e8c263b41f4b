"""Without JavaScript, a still picture stands where a live figure would be."""

from __future__ import annotations

import re

import pytest
from PIL import Image

VIEW = '<script type="application/vnd.jupyter.widget-view+json">'
STILL = re.compile(
    r'<noscript><img src="([^"]+)" alt="([^"]+)" width="(\d+)" height="(\d+)" loading="lazy"></noscript>'
)


def test_each_live_figure_has_a_still_of_its_size(site, pages):
    seen = 0
    for name in pages:
        text = (site / name).read_text(encoding="utf-8")
        stills = STILL.findall(text)
        assert name.startswith("autoapi/") or len(stills) == text.count(VIEW), name
        for source, words, width, height in stills:
            with Image.open((site / name).parent / source) as picture:
                assert picture.size == (int(width), int(height))
            assert len(words) > 40
            seen += 1
    assert seen > 20


@pytest.mark.browser
def test_it_is_shown_without_javascript_and_not_loaded_with_it(browser, address):
    for script in (False, True):
        context = browser.new_context(java_script_enabled=script)
        page, asked = context.new_page(), []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(f"{address}book/density/kl-divergence.html")
        still = page.locator("noscript img").first
        if script:
            page.wait_for_selector(".coursekit-figure")
        else:
            still.scroll_into_view_if_needed()
            page.wait_for_load_state("networkidle")
            assert still.is_visible()
        assert any("/stills/" in url for url in asked) is not script
        context.close()

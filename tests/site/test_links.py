"""Links, anchors and files: read from the pages' text, without a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]


class _Page(HTMLParser):
    """The ids of a page, what it links to and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.ids.update(filter(None, (values.get("id"), values.get("name"))))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag in ("script", "img", "iframe", "source", "video", "audio") and values.get("src"):
            self.loads.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload", "preconnect", "modulepreload"):
            self.loads.append(values["href"])


@pytest.fixture(scope="module")
def read(site, pages):
    return {page: _Page((site / page).read_text(encoding="utf-8")) for page in pages}


def test_internal_links_resolve(site, read):
    broken = []
    for name, page in read.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            if link.startswith("/"):
                broken.append(f"{name}: {link} leaves the sub-path")
                continue
            target = (site / name).parent / unquote(parts.path) if parts.path else site / name
            target = target.resolve()
            if not target.is_file():
                broken.append(f"{name}: {link} leads nowhere")
                continue
            other = target.relative_to(site.resolve()).as_posix()
            if parts.fragment and other in read and unquote(parts.fragment) not in read[other].ids:
                broken.append(f"{name}: {link} has no such place")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site, read):
    loads = [f"{name}: {load}" for name, page in read.items() for load in page.loads if urlsplit(load).netloc]
    assert loads == []
    styles = [
        f"{path.name}: {address}"
        for path in site.rglob("*.css")
        for address in re.findall(r"(?:url\(|@import)\s*[\"']?(https?:[^\"')]+)", path.read_text(encoding="utf-8"))
    ]
    assert styles == []


def test_launch_links_lead_to_notebooks_of_the_repository(read):
    launched = 0
    for name, page in read.items():
        for link in page.links:
            path = re.search(r"colab\.research\.google\.com/github/[^/]+/[^/]+/blob/[^/]+/(.+\.ipynb)", link)
            path = path or re.search(r"mybinder\.org/v2/.*?urlpath=.*?/([^/?]+/[^?]*\.ipynb)$", unquote(link))
            if path:
                launched += 1
                assert (ROOT / path.group(1).removeprefix("tree/")).is_file(), f"{name}: {link}"
    notebooks = [name for name in read if (ROOT / name).with_suffix(".ipynb").is_file()]
    assert launched >= 2 * len(notebooks)

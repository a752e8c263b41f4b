"""What stands around the pages: policy, addresses, sitemap, shared links, the page for wrong addresses."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BASE = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]["html_baseurl"]


@pytest.fixture(scope="module")
def publish(extension):
    return extension("site_publish")


@pytest.fixture(scope="module")
def texts(site, pages):
    return {page: (site / page).read_text(encoding="utf-8") for page in pages}


def directives(page: str) -> dict[str, str]:
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert found, "no policy"
    return dict(part.strip().split(" ", 1) for part in unescape(found[1]).split(";"))


def test_every_page_allows_its_own_scripts_and_no_others(texts):
    for name, text in texts.items():
        allowed = directives(text)
        assert allowed["default-src"] == "'none'" and allowed["connect-src"] == "'self'", name
        sources = [source for source in allowed["script-src"].split() if not source.startswith("'sha256-")]
        live = "vnd.jupyter.widget-state+json" in text
        assert sources == ["'self'", *(["blob:"] if live else [])], name
        assert allowed.get("worker-src") == ("blob:" if live else None), name
        assert "http" not in " ".join(allowed.values()), name
        # The policy stands before everything that it is to govern.
        assert text.index("Content-Security-Policy") < min(text.index("<script"), text.index("<link")), name


def test_a_policy_names_the_digest_of_each_inline_script(publish):
    page = '<script>let a = 1;</script><script src="b.js"></script><script type="application/json">{}</script>'
    digest = base64.b64encode(hashlib.sha256(b"let a = 1;").digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in publish.policy(page)
    assert publish.policy(page).count("sha256") == 1


def test_modules_and_workers_of_text_are_allowed_where_live_figures_are(publish):
    state = '<script type="application/vnd.jupyter.widget-state+json">{}</script>'
    assert "blob:" not in publish.policy("").replace("img-src 'self' data: blob:", "")
    assert "script-src 'self' blob:" in publish.policy(state) and "worker-src blob:" in publish.policy(state)


def test_no_handler_stands_in_a_page(texts):
    assert {name: found for name, text in texts.items() if (found := re.findall(r"<[a-z][^>]* on[a-z]+=", text))} == {}


def test_the_sitemap_lists_the_pages(site, pages):
    tree = ElementTree.parse(site / "sitemap.xml")
    listed = {place.text for place in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    assert listed == {BASE + page for page in pages if page not in ("search.html", "genindex.html")}


def test_a_rebuild_of_one_page_forgets_no_other(publish, tmp_path):
    from sphinx.application import Sphinx

    (tmp_path / "conf.py").write_text('extensions = ["sphinx_sitemap"]\nhtml_baseurl = "https://a.test/"\n')
    (tmp_path / "index.rst").write_text("Front\n=====\n\n.. toctree::\n\n   words\n")
    (tmp_path / "words.rst").write_text("Words\n=====\n\n.. glossary::\n\n   entropy\n      A mean.\n")

    def build() -> tuple[set[str], str]:
        app = Sphinx(tmp_path, tmp_path, tmp_path / "out", tmp_path / "trees", "html", status=None)
        app.connect("html-collect-pages", publish.keep_index_entries)
        app.connect("build-finished", publish.list_all_pages, priority=400)
        app.build()
        links = re.findall(r"<loc>([^<]*)</loc>", (tmp_path / "out" / "sitemap.xml").read_text())
        index = (tmp_path / "out" / "searchindex.js").read_text()
        return set(links), re.search(r'"indexentries": ?(\{[^}]*\})', index)[1]

    links, terms = build()
    assert {"https://a.test/en/index.html", "https://a.test/en/words.html"} <= links and "entropy" in terms
    (tmp_path / "index.rst").write_text("Front page\n==========\n\n.. toctree::\n\n   words\n")
    again, terms_again = build()
    assert {link for link in links if "index" in link or "words" in link} <= again and terms_again == terms


def test_a_shared_link_has_a_title_an_address_and_a_picture(site, texts):
    for name, text in texts.items():
        if name in ("search.html", "genindex.html"):
            continue
        found = dict(re.findall(r'<meta property="og:([a-z:_]+)" content="([^"]*)"', text))
        assert found["url"] == BASE + name
        assert found["title"] and found["image:alt"], name
        assert found["image"].startswith(BASE) and (site / found["image"].removeprefix(BASE)).is_file(), name


def test_the_page_for_wrong_addresses_works_from_anywhere(site):
    text = (site / "404.html").read_text(encoding="utf-8")
    assert "There is no such page" in text
    prefix = urlsplit(BASE).path
    links = [link for link in re.findall(r'(?:href|src)="([^"]+)"', text) if not re.match(r"https?:|#|mailto:", link)]
    assert len(links) > 50
    for link in links:
        assert link.startswith(prefix), link
        assert (site / unquote(urlsplit(link).path).removeprefix(prefix)).exists(), link


@pytest.mark.parametrize(
    ("pages", "redirects", "complaint"),
    [
        ({"book/a", "book/b"}, {}, None),
        ({"book/a"}, {}, "no page and no redirect for book/b"),
        ({"book/a"}, {"book/b": "a.html"}, None),
        ({"book/a", "book/b", "book/c"}, {}, "book/c not listed"),
    ],
)
def test_an_address_once_published_stays_alive(publish, tmp_path, monkeypatch, pages, redirects, complaint):
    (tmp_path / "book").mkdir()
    (tmp_path / publish.ADDRESSES).write_text("book/a\nbook/b\n", encoding="utf-8")
    said = []
    monkeypatch.setattr(publish.logger, "warning", lambda text, *values: said.append(text % values))
    app = SimpleNamespace(srcdir=tmp_path, config=SimpleNamespace(redirects=redirects))
    publish.check_addresses(app, SimpleNamespace(found_docs=pages | {"autoapi/coursekit/index", "solutions/a/b/b"}))
    assert len(said) == (complaint is not None) and all(complaint in text for text in said)

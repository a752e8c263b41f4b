"""What a published site needs around its pages: a security policy, a complete map, addresses that do not die.

The policy is written into each page after the build. It allows what the page itself holds, script by script, and
nothing from elsewhere. The list of addresses, book/addresses.txt, is every page that was ever published: one that is
gone must be redirected (``redirects`` in _config.yml), or the build fails.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sphinx_sitemap
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.index_entries import split_index_msg

logger = logging.getLogger(__name__)

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # MathJax and matplotlib's tables set styles
    "img-src": "'self' data: blob:",
    "media-src": "data:",  # sound that stands in the page
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
}
LIVE = {  # on pages with live figures, whose modules stand in the page as text and may work in a Worker
    "script-src": "'self' blob:",
    "worker-src": "blob:",
}
STORED = 'type="application/vnd.jupyter.widget-state+json"'
INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?P<attributes>[^>]*)>(?P<text>.*?)</script>", re.DOTALL)
CHARSET = re.compile(r'<meta charset="utf-8" ?/?>')
ADDRESSES = "book/addresses.txt"


def policy(page: str) -> str:
    """The policy of a page: the digest of each of its inline scripts is allowed, and no other inline script."""
    digests = {
        base64.b64encode(hashlib.sha256(found["text"].encode()).digest()).decode()
        for found in INLINE.finditer(page)
        if not re.search(r'type="application/[^"]*json"', found["attributes"])  # data, never run
    }
    rules = {**POLICY, **(LIVE if STORED in page else {})}
    rules["script-src"] = " ".join([rules["script-src"], *(f"'sha256-{digest}'" for digest in sorted(digests))])
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def keep_index_entries(app: Sphinx) -> list[Any]:
    """Give the search the terms of all pages. By itself it has those of the pages that were written anew."""
    for page, entries in app.env.get_domain("index").entries.items():
        terms = {(term, place, main) for kind, text, place, main, _ in entries for term in split_index_msg(kind, text)}
        app.env._search_index_index_entries[page] = sorted(terms)
    return []  # no pages to add


def list_all_pages(app: Sphinx, exception: Exception | None) -> None:
    """Give the sitemap all pages: by itself it has those that were written anew."""
    if exception is not None or app.builder.format != "html":
        return
    while not app.sitemap_links.empty():
        app.sitemap_links.get()
    for page in sorted(app.env.found_docs):
        sphinx_sitemap.add_html_link(app, page, "", {}, None)


def mend_plurals(app: Sphinx, exception: Exception | None) -> None:
    """Sphinx makes a function of text for the plural of its messages, which the policy forbids: English has one."""
    script = Path(app.outdir) / "_static" / "doctools.js"
    if exception is not None or not script.is_file():
        return
    text = script.read_text(encoding="utf-8")
    text, done = re.subn(r"new Function\([^;]*?\);", "(n) => Number(n !== 1);", text)
    if done:
        script.write_text(text, encoding="utf-8")
    elif "new Function" in text:
        logger.warning("doctools.js makes a function of text in a new way, which the content security policy forbids")


def write_policies(app: Sphinx, exception: Exception | None) -> None:
    """Put its policy in front of everything that a page loads."""
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if "_static" in path.parts or "Content-Security-Policy" in page or "<body" not in page:  # a mere redirect
            continue
        meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(page)}">'
        page, done = CHARSET.subn(lambda found, meta=meta: f"{found[0]}\n    {meta}", page, count=1)
        if not done:
            logger.warning("%s has no meta charset, so it gets no content security policy", path)
        path.write_text(page, encoding="utf-8")


def name_the_site(app: Sphinx, config: Any) -> None:
    """One address and one title for all: the page for a wrong address, which is served anywhere, and shared links."""
    prefix = config.notfound_urls_prefix = urlsplit(config.html_baseurl).path
    config.notfound_context["body"] = config.notfound_context["body"].replace('href="', f'href="{prefix}')
    config.ogp_site_url, config.ogp_site_name = config.html_baseurl, config.html_title


def check_addresses(app: Sphinx, env: Any) -> None:
    """Every address that was ever published is a page now, or is redirected; a new page must be listed."""
    listed = set((Path(app.srcdir) / ADDRESSES).read_text(encoding="utf-8").split())
    redirected = set(app.config.redirects)
    pages = {name for name in env.found_docs if not name.startswith(("autoapi/", "solutions/"))}
    if dead := sorted(listed - pages - redirected):
        logger.warning("no page and no redirect for %s: add it to redirects in _config.yml", ", ".join(dead))
    if new := sorted(pages - listed):
        logger.warning("%s not listed in %s: add a line, so that the address stays alive", ", ".join(new), ADDRESSES)
    if both := sorted(pages & redirected):
        raise ExtensionError(f"{', '.join(both)}: a page cannot be redirected while it is there")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the checks and what is written after the build."""
    app.connect("config-inited", name_the_site)
    app.connect("env-check-consistency", check_addresses)
    app.connect("html-collect-pages", keep_index_entries)
    app.connect("build-finished", list_all_pages, priority=400)  # before the sitemap is written
    app.connect("build-finished", mend_plurals)
    app.connect("build-finished", write_policies, priority=900)  # after all that changes a page
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""How a page loads: its text waits for no script, what is on the way keeps its place, nothing is sent that nobody sees.

All of it is done to the built files, since the theme and Sphinx have no options for it.
"""

from __future__ import annotations

import functools
import io
import re
import struct
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

IMAGE = re.compile(r'<img (?=[^>]*\bsrc="(?P<file>[^":]*_images/[^":]*\.png)")[^>]*>')
SCRIPT = re.compile(r'<script(?P<attributes>[^>]*) src="(?P<file>[^"]*)">\s*</script>\s*')
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
FORMULA = re.compile(
    r'(?P<tag><span class="math notranslate nohighlight"[^>]*)>(?P<text>\\\((?P<tex>.*?)\\\))</span>', re.DOTALL
)
SPAN = r'<span class="math notranslate nohighlight"[^>]*>[^<]*</span>'
STOP = re.compile(
    rf'(?<!<span class="unbroken">)(?P<formula><a [^>]*>{SPAN}</a>|{SPAN})(?P<stop>[.,;:!?)\u2019\u201d]+)'
)
UNBROKEN = r'<span class="unbroken">\g<formula>\g<stop></span>'

# Widths in ems of the text around, about as MathJax sets them.
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\S")
LETTER, CAPITAL, SMALLER = 0.68, 0.96, 0.7  # the last for what stands above or below
WIDTHS = {
    token: width
    for width, tokens in {
        0.0: r"\left \right \big \Big \bigl \bigr \Bigl \Bigr \frac \tfrac \hat \tilde \bar \overline \widehat \limits "
        r"\mathrm \mathbf \mathcal \mathbb \mathsf \boldsymbol \operatorname \text \texttt &",
        0.25: r"\, \: \;",
        0.48: r"( ) [ ] | . : ! \{ \} / i j l t f I ' \prime \langle \rangle",
        0.56: r", ;",
        1.0: r"\mid \cdot \sqrt m w",
        1.4: r"\sum \prod \quad \ldots \dots \cdots",
        1.5: r"+ - \times \pm \ast \odot \circ",
        1.7: r"= < > \le \leq \ge \geq \ne \neq \approx \sim \in \to \propto \ll \gg \gets",
        2.1: r"\log \exp \min \max \sin \cos \det \sinh \tanh \lim \inf \sup",
    }.items()
    for token in tokens.split()
}


def finish_pages(app: Sphinx, exception: Exception | None) -> None:
    """Let a page show its text at once, and keep it where it is.

    The theme loads the search's index on every page, for an option that is off here. All other scripts of files run
    in their order when the text stands; only the one whose variable the page's inline scripts use cannot wait.
    Pictures load when they are near, and have their size; so have formulas until they are set. A stop or a comma after
    a formula stays on its line.
    """
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        finished = IMAGE.sub(functools.partial(with_size, path.parent), page)
        finished = SCRIPT.sub(functools.partial(deferred, path.name == "search.html"), finished)
        finished = FORMULA.sub(with_width, finished)
        finished = STOP.sub(UNBROKEN, finished)
        if finished != page:
            path.write_text(finished, encoding="utf-8")


def with_size(folder: Path, tag: re.Match[str]) -> str:
    """The tag of a PNG with its width and height in pixels, from the first bytes of the file."""
    file = folder / tag["file"]
    if " width=" in tag[0] or not file.is_file():
        return tag[0]
    with file.open("rb") as picture:
        width, height = struct.unpack(">16x2I", picture.read(24))
    return f'<img loading="lazy" decoding="async" width="{width}" height="{height}" {tag[0][5:]}'


def deferred(searches: bool, tag: re.Match[str]) -> str:
    """The tag of a script, which runs when the page is parsed; nothing for the search's, unless the page searches.

    What the search shows of a page, found.js, follows upon Sphinx's own, before it has anything to show.
    """
    name = Path(urlsplit(tag["file"]).path).name
    if name in SEARCH and not searches:
        return ""
    if name == "documentation_options.js" or re.search(r"\b(defer|async|module)\b", tag["attributes"]):
        return tag[0]
    waiting = tag[0].replace("<script", "<script defer", 1)
    return waiting + waiting.replace(name, "found.js") if name == "searchtools.js" else waiting


def with_width(span: re.Match[str]) -> str:
    """The tag of an inline formula, with the width that it will have, by which the style sheet keeps its place."""
    if "--ems" in span["tag"]:
        return span[0]
    return f'{span["tag"]} style="--ems:{ems(unescape(span["tex"])):.1f}">{span["text"]}</span>'


def ems(tex: str) -> float:
    """About how wide a formula will be, in ems: the sum of its signs, where what is raised or lowered is smaller."""
    width, size, outer = 0.0, 1.0, []
    following = 1.0  # the size of the next sign or group, after ^ or _
    for token in TOKEN.findall(tex):
        if token in "^_":
            following = SMALLER
        elif token == "{":
            outer.append(size)
            size, following = size * following, 1.0
        elif token == "}":
            size = outer.pop() if outer else 1.0
        else:
            width += size * following * WIDTHS.get(token, CAPITAL if token.isupper() else LETTER)
            following = following if WIDTHS.get(token) == 0.0 else 1.0
    return width


def keep_used_icons(app: Sphinx, exception: Exception | None) -> None:
    """Leave in the theme's font and style sheet the icons that a page or a script shows: some thirty of 1,800."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    fonts = sorted((static / "vendor" / "fontawesome" / "webfonts").glob("*.woff2"))
    if not sheet.is_file() or not fonts:
        logger.warning("the theme keeps its icons elsewhere now: every page would send all 1,800")
        return
    sources = [*Path(app.outdir).rglob("*.html"), *(static / "scripts").glob("*-theme.js")]
    shown = {name for path in sources for name in re.findall(r"\bfa-[\w-]+", path.read_text(encoding="utf-8"))}

    def kept(rule: re.Match[str]) -> str:
        return rule[0] if shown & set(re.findall(r"fa-[\w-]+", rule["selectors"])) else ""

    text = sheet.read_text(encoding="utf-8")
    text = re.sub(r'(?P<selectors>(?:\.fa-[\w-]+:{1,2}before,?)+)\{content:"\\[0-9a-f]+"\}', kept, text)
    sheet.write_text(text, encoding="utf-8")
    styles = text + "".join(path.read_text(encoding="utf-8") for path in sheet.parent.glob("sphinx-*.css"))
    signs = {int(code, 16) for code in re.findall(r'"\\([0-9a-f]{4})"', styles)}
    signs |= {ord(sign) for sign in styles if "\ue000" <= sign <= "\uf8ff"}  # some are written as themselves
    for path in fonts:
        font = TTFont(io.BytesIO(path.read_bytes()))
        subsetter = subset.Subsetter()
        subsetter.populate(unicodes=signs)
        subsetter.subset(font)
        font.flavor = "woff2"
        font.save(path)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what is done to the built files."""
    app.connect("build-finished", finish_pages)
    app.connect("build-finished", keep_used_icons, priority=950)  # after all that changes a page
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""Links that nobody has to write: terms at their first use in a chapter, and chapters and package both ways."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from site_notebooks import chapters
from site_pages import link_to
from sphinx import addnodes
from sphinx.application import Sphinx

NOT_INSIDE = (nodes.reference, addnodes.pending_xref, nodes.literal, nodes.math, nodes.title, nodes.raw, nodes.caption)
EVERYDAY = {"code", "mode", "bit", "mixture"}  # they mean other things too: such a term is linked by whoever writes
GLOSSARY = re.compile(r"^:::\{glossary\}\n(.*?)^:::", re.MULTILINE | re.DOTALL)


def terms_of(glossary: str) -> list[str]:
    """The terms of a glossary page: the lines that are not indented."""
    lines = "\n".join(GLOSSARY.findall(glossary)).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith((" ", "\t"))]


def pattern_of(term: str) -> re.Pattern[str]:
    """Finds a term as a whole word, in the singular or a plural; a short form in capitals must be in capitals."""
    case = re.NOFLAG if term.isupper() else re.IGNORECASE
    return re.compile(rf"(?<![\w-]){re.escape(term)}(?:e?s)?(?![\w-])", case)


def linked_already(node: nodes.Node) -> str | None:
    """The term that a link in the source leads to."""
    if isinstance(node, addnodes.pending_xref) and node.get("reftype") == "term":
        return node["reftarget"].lower()
    return None


def link_first_uses(doctree: nodes.document, terms: list[str], page: str) -> list[str]:
    """Turn the first mention of each term in the prose into a link, where it is none; the terms that were linked."""
    longest_first = sorted(set(terms) - EVERYDAY, key=len, reverse=True)
    open_terms = {term.lower(): (term, pattern_of(term)) for term in longest_first}
    made = []
    for node in list(doctree.findall(lambda node: isinstance(node, (nodes.Text, addnodes.pending_xref)))):
        if done := linked_already(node):
            open_terms.pop(done, None)
            continue
        if not isinstance(node, nodes.Text) or not in_prose(node):
            continue
        pieces: list[nodes.Node] = [node]
        for name, (term, pattern) in list(open_terms.items()):
            for number, piece in enumerate(pieces):
                found = pattern.search(str(piece)) if isinstance(piece, nodes.Text) else None
                if found:
                    before, after = str(piece)[: found.start()], str(piece)[found.end() :]
                    link = addnodes.pending_xref(
                        "",
                        nodes.inline("", found[0], classes=["xref", "std", "std-term"]),
                        refdomain="std",
                        reftype="term",
                        reftarget=term,
                        refdoc=page,
                        refexplicit=True,
                        refwarn=True,
                    )
                    texts = [nodes.Text(text) for text in (before, after) if text]
                    pieces[number : number + 1] = [*texts[: bool(before)], link, *texts[bool(before) :]]
                    made.append(open_terms.pop(name)[0])
                    break
        if len(pieces) > 1:
            node.parent.replace(node, pieces)
    return made


def in_prose(node: nodes.Node) -> bool:
    """Whether a text stands in a paragraph, and in no link, formula, heading or piece of code."""
    above, prose = node.parent, False
    while above is not None:
        if isinstance(above, NOT_INSIDE):
            return False
        prose = prose or isinstance(above, nodes.paragraph)
        above = above.parent
    return prose


def packages_of(path: Path) -> list[str]:
    """The parts of the package that a notebook's code uses, by name."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return sorted(set(re.findall(r"\bcoursekit\.([a-z]\w*)", code) + re.findall(r"\bck\.([a-z]\w*)\.", code)))


def add_links(app: Sphinx, doctree: nodes.document) -> None:
    """In a chapter, terms and the package's pages; on a package's page, the chapters that use it."""
    page, source = app.env.docname, Path(app.srcdir)
    if page.startswith("book/") and (source / f"{page}.ipynb").is_file():
        app.env.note_dependency("book/glossary.md")
        link_first_uses(doctree, terms_of((source / "book" / "glossary.md").read_text(encoding="utf-8")), page)
        used = [name for name in packages_of(source / f"{page}.ipynb") if (source / "coursekit" / name).is_dir()]
        links = [link_to(f"autoapi/coursekit/{name}/index", page) for name in used]
        add_paragraph(doctree, "In the package", links)
    elif found := re.fullmatch(r"autoapi/coursekit/(\w+)/index", page):
        book = chapters(app.env)
        for chapter in book:
            app.env.note_dependency(str(chapter.path.relative_to(app.env.srcdir)))
        users = [chapter for chapter in book if found[1] in packages_of(chapter.path)]
        add_paragraph(doctree, "Used in the chapters", [link_to(chapter.docname, page) for chapter in users])


def add_paragraph(doctree: nodes.document, label: str, links: Sequence[nodes.Node]) -> None:
    """A line of links at the end of the page's last section."""
    if not links:
        return
    paragraph = nodes.paragraph("", "", nodes.strong("", f"{label}: "), classes=["course-links"])
    for number, link in enumerate(links):
        paragraph += [nodes.Text(" · "), link] if number else [link]
    top = next(doctree.findall(nodes.section))
    below = [child for child in top if isinstance(child, nodes.section)]
    (below[-1] if below else top).append(paragraph)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register."""
    app.connect("doctree-read", add_links)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

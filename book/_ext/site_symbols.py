"""Links to the table of symbols that nobody has to write.

In a chapter, the first inline formula that is a symbol and nothing more leads to its row of book/notation.md; symbols
that stand in longer formulas alone are listed at the end. A letter to which a chapter gives a meaning of its own, as it
says where it first uses it, stands in its notebook's metadata: ``"coursekit": {"own_symbols": ["k", ...]}``. On the
page of notation each symbol has an address that stays, and names for the search.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from site_links import add_paragraph, in_prose
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from symbol_table import Symbol, is_symbol, symbols_of, uses

NOTATION = "book/notation"


class symbol_link(nodes.Inline, nodes.TextElement):
    """A formula that leads to its row; ``label`` says in words what it is."""


def visit_symbol_link(self: Any, node: symbol_link) -> None:
    """Open the link: a screen reader says what the symbol means, and a mouse sees it."""
    named = {"href": node["refuri"], "title": node["label"], "aria-label": node["label"]}
    self.body.append(self.starttag(node, "a", "", CLASS="reference internal symbol", **named))


def depart_symbol_link(self: Any, node: symbol_link) -> None:
    """Close it."""
    self.body.append("</a>")


def link_symbols(doctree: nodes.document, symbols: list[Symbol], notation: str) -> list[symbol_link]:
    """Link the first formula that is each symbol; the links for symbols that only stand in longer formulas."""

    def link(symbol: Symbol, formula: nodes.math) -> symbol_link:
        return symbol_link("", "", formula, refuri=f"{notation}#{symbol.anchor}", label=symbol.label)

    linked, used = set(), set()
    for formula in list(doctree.findall(lambda node: isinstance(node, (nodes.math, nodes.math_block)))):
        used.update(symbol for symbol, _, _ in uses(formula.astext(), symbols))
        symbol = is_symbol(formula.astext(), symbols) if isinstance(formula, nodes.math) else None
        if symbol and symbol not in linked and in_prose(formula):
            linked.add(symbol)
            formula.replace_self(link(symbol, formula.deepcopy()))
    return [link(symbol, nodes.math("", symbol.latex)) for symbol in symbols if symbol in used - linked]


def symbols_for(notebook: Path, source: Path) -> list[Symbol]:
    """The symbols that mean in a chapter what the table says."""
    metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]
    own = metadata.get("coursekit", {}).get("own_symbols", [])
    symbols = symbols_of((source / f"{NOTATION}.md").read_text(encoding="utf-8"))
    return [symbol for symbol in symbols if symbol.latex not in own]


def add_symbols(app: Sphinx, doctree: nodes.document) -> None:
    """Link a chapter's symbols."""
    page, source = app.env.docname, Path(app.srcdir)
    notebook = source / f"{page}.ipynb"
    if page.startswith("book/") and notebook.is_file():
        app.env.note_dependency(f"{NOTATION}.md")
        symbols = symbols_for(notebook, source)
        add_paragraph(doctree, "Symbols", link_symbols(doctree, symbols, app.builder.get_relative_uri(page, NOTATION)))


class NameSymbols(SphinxTransform):
    """On the page of notation: an address for each symbol, and the names by which the search finds it."""

    default_priority = 500  # before the entries for the search are collected

    def apply(self, **_: Any) -> None:
        """Name each symbol in the first column of a table."""
        if self.env.docname != NOTATION:
            return
        rest = symbols_of(Path(self.env.doc2path(NOTATION)).read_text(encoding="utf-8"))
        for table in self.document.findall(nodes.table):
            table["classes"].append("symbols")
        for row in self.document.findall(nodes.row):
            for formula in list(row[0].findall(nodes.math)):
                symbol = next((symbol for symbol in rest if symbol.latex == formula.astext()), None)
                if symbol:
                    rest.remove(symbol)
                    formula["ids"].append(symbol.anchor)
                    entries = [("single", name, symbol.anchor, "main", None) for name in symbol.names]
                    formula.parent.insert(formula.parent.index(formula), addnodes.index(entries=entries))
        if rest:
            raise ValueError(f"no row shows {', '.join(symbol.latex for symbol in rest)}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register."""
    app.add_node(symbol_link, html=(visit_symbol_link, depart_symbol_link))
    app.add_transform(NameSymbols)
    app.connect("doctree-read", add_symbols, priority=600)  # after the line of site_links
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""The claims page: every topic of the lecture map, where it is taught and what backs it.

    ```{claims} lecture_map.yml
    ```

The lecture map is a list of ``{id, kind, topic, erratum}``. Every id must be taught by a chapter, or by the page that
``page`` names, or be marked ``planned: true``: else the build fails. What a chapter teaches or claims stands in its
metadata (``coursekit.ids``); what it measured stands in the records that ``ck.claim`` left in its stored outputs. The
page is made from these alone, so it cannot say more than the notebooks do.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from site_notebooks import Chapter, chapters
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

SOURCES = {
    "H": "Foundations, generator networks, variational autoencoders, adversarial networks",
    "X": "From adversarial networks to autoencoders",
    "P": "Representing distributions, autoregressive models, structured data",
    "N": "Families side by side, and their problems",
    "B": "Beyond the lectures",
}
VERDICTS = {"holds": "holds", "qualified": "qualified", "refuted": "refuted"}
HEADINGS = {"Id": 7, "Topic": 25, "Chapter": 20, "What backs it": 48}


class Claims(SphinxDirective):
    """Counts, then one table for each source of the lecture map."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The counts and the tables."""
        relative, filename = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        if not Path(filename).is_file():
            logger.warning("the lecture map %s is missing", relative, location=self.get_location())
            return []
        topics = yaml.safe_load(Path(filename).read_text(encoding="utf-8"))
        book = chapters(self.env)
        for chapter in book:
            self.env.note_dependency(str(chapter.path.relative_to(self.env.srcdir)))
            self.check(chapter, {topic["id"] for topic in topics})
        check_topics(topics, book)

        states = Counter(state(topic, book) for topic in topics)
        result: list[nodes.Node] = [self.counts(states, len(topics))]
        for letter, title in SOURCES.items():
            rows = [topic for topic in topics if topic["id"].startswith(letter)]
            if rows:
                section = nodes.section(ids=[f"source-{letter.lower()}"])
                section += nodes.title("", f"{letter}: {title}")
                section += self.table(rows, book)
                result.append(section)
        return result

    def check(self, chapter: Chapter, known: set[str]) -> None:
        """Warn, and so fail a build with -W, where a chapter's metadata and its records disagree."""
        for identifier in chapter.taught + chapter.claimed:
            if identifier not in known:
                logger.warning("%s: id %s is not in the lecture map", chapter.docname, identifier)
        for identifier in chapter.claimed:
            if not chapter.records_of(identifier):
                logger.warning("%s: claims %s but stores no record of it", chapter.docname, identifier)
        for record in chapter.records:
            if record.get("id") not in chapter.claimed:
                logger.warning("%s: a record for %s, not in its metadata", chapter.docname, record.get("id"))
            if record.get("verdict") not in VERDICTS:
                logger.warning("%s: unknown verdict %r", chapter.docname, record.get("verdict"))

    def counts(self, states: Counter[str], total: int) -> nodes.Node:
        """The line of figures on top of the page."""
        line = nodes.container(classes=["claim-counts"])
        figures = {"topics": total, **{name: states[name] for name in ("measured", "taught", "planned")}}
        for name, number in figures.items():
            item = nodes.paragraph(classes=["claim-count", f"claim-count-{name}"])
            item += nodes.strong("", str(number))
            item += nodes.Text(f" {name}")
            line += item
        return line

    def table(self, topics: list[dict[str, Any]], book: list[Chapter]) -> nodes.table:
        """One row for each topic."""
        table = nodes.table(classes=["claims", "colwidths-given"])
        group = nodes.tgroup(cols=len(HEADINGS))
        table += group
        for width in HEADINGS.values():
            group += nodes.colspec(colwidth=width)
        head, body = nodes.thead(), nodes.tbody()
        group += [head, body]
        head += row(*(nodes.paragraph("", heading) for heading in HEADINGS))
        for topic in topics:
            body += self.row(topic, book)
        return table

    def row(self, topic: dict[str, Any], book: list[Chapter]) -> nodes.row:
        """Id, topic, chapters, and what backs it."""
        identifier = topic["id"]
        here = [chapter for chapter in book if identifier in chapter.taught + chapter.claimed]
        name = nodes.paragraph("", "", nodes.strong("", identifier, ids=[f"claim-{identifier.lower()}"]))
        text = nodes.paragraph("", topic["topic"])
        if topic.get("erratum"):
            text += [nodes.Text(" "), badge("corrected")]
        pages = [chapter.docname for chapter in here] + ([topic["page"]] if "page" in topic else [])
        where: list[nodes.Node] = [nodes.paragraph("", "", self.link(page)) for page in pages]
        return row(name, text, where or nodes.paragraph("", "–"), self.backing(topic, here))

    def backing(self, topic: dict[str, Any], here: list[Chapter]) -> list[nodes.Node]:
        """Verdict, statement and evidence of each record; or how else the topic is covered."""
        found: list[nodes.Node] = []
        for chapter in here:
            for record in chapter.records_of(topic["id"]):
                paragraph = nodes.paragraph("", "", badge(VERDICTS.get(record["verdict"], "?")))
                paragraph += [nodes.Text(f" {record['statement']}"), nodes.Text(": ")]
                paragraph += nodes.inline("", record["evidence"], classes=["claim-evidence"])
                found.append(paragraph)
        if not found:
            found.append(nodes.paragraph("", "", badge(state(topic, here))))
        return found

    def link(self, docname: str) -> addnodes.pending_xref:
        """A link to a page, showing its title."""
        reference = addnodes.pending_xref(
            "",
            nodes.inline("", ""),
            refdomain="std",
            reftype="doc",
            reftarget=f"/{docname}",
            refdoc=self.env.docname,
            refexplicit=False,
            refwarn=True,
        )
        return reference


def taught(topic: dict[str, Any], book: list[Chapter]) -> bool:
    """Whether a chapter, or a page that the topic names, teaches it."""
    return "page" in topic or any(topic["id"] in chapter.taught + chapter.claimed for chapter in book)


def state(topic: dict[str, Any], book: list[Chapter]) -> str:
    """``measured``, ``taught`` or ``planned``."""
    if any(chapter.records_of(topic["id"]) for chapter in book):
        return "measured"
    return "taught" if taught(topic, book) else "planned"


def check_topics(topics: list[dict[str, Any]], book: list[Chapter]) -> None:
    """Warn, and so fail a build with -W, where a topic is missing or is wrongly called missing."""
    for topic in topics:
        if taught(topic, book) == bool(topic.get("planned")):
            wrong = "is taught, but still marked as planned" if taught(topic, book) else "is taught by no chapter"
            logger.warning("lecture map: %s %s", topic["id"], wrong)


def badge(text: str) -> nodes.inline:
    """A word in a small box."""
    return nodes.inline("", text, classes=["claim-badge", f"claim-{text}"])


def row(*cells: nodes.Node | list[nodes.Node]) -> nodes.row:
    """A table row of ``cells``."""
    result = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += cell
        result += entry
    return result


def always_outdated(app: Sphinx, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """The claims page and the front page depend on every chapter: read them again on each build."""
    return [name for name in ("book/claims", "book/index") if name in env.found_docs]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("claims", Claims)
    app.connect("env-get-outdated", always_outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

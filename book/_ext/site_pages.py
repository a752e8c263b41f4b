"""Small things of ours on the pages: the map of the course, teaching plans, measured times, claims, API pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from site_notebooks import Chapter, chapters
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode


def link_to(target: str, page: str) -> addnodes.pending_xref:
    """A link from one page to another, by its title."""
    return addnodes.pending_xref(
        "",
        nodes.inline("", ""),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{target}",
        refdoc=page,
        refexplicit=False,
        refwarn=True,
    )


class CourseMap(SphinxDirective):
    """The families in order, each with its chapters from the table of contents.

    The content is a YAML mapping from a family's folder to ``{title, text}``. A chapter appears by itself when it
    stands in book/_toc.yml; a family without chapters is shown as planned.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """One card for each family."""
        families = yaml.safe_load("\n".join(self.content))
        book = chapters(self.env)
        course = nodes.container(classes=["course-map"])
        for family, words in families.items():
            own = [chapter for chapter in book if chapter.family == family]
            card = nodes.container(classes=["course-family", *([] if own else ["course-planned"])])
            card += nodes.paragraph("", "", nodes.strong("", words["title"]), classes=["course-title"])
            card += nodes.paragraph("", words["text"])
            if own:
                links = nodes.bullet_list()
                links += [nodes.list_item("", self.entry(chapter)) for chapter in own]
                card += links
            else:
                card += nodes.paragraph("", "", nodes.emphasis("", "planned"))
            course += card
        return [course]

    def entry(self, chapter: Chapter) -> nodes.paragraph:
        """A chapter's title as a link, and how long it takes."""
        paragraph = nodes.paragraph("", "", link_to(chapter.docname, self.env.docname))
        if chapter.minutes:
            paragraph += nodes.inline("", f" {chapter.minutes} min", classes=["course-minutes"])
        return paragraph


class CoursePlan(SphinxDirective):
    """Weeks of a course, with the minutes and the exercises of their chapters.

    The content is a YAML list with a list of chapters (``density/kl-divergence``) for each week. A chapter that is not
    in the book is reported.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """A table with a row for each week, and one for the whole."""
        known = {chapter.docname.removeprefix("book/"): chapter for chapter in chapters(self.env)}
        weeks = yaml.safe_load("\n".join(self.content))
        if missing := [name for week in weeks for name in week if name not in known]:
            raise self.error(f"no such chapter: {', '.join(missing)}")
        plan = [[known[name] for name in week] for week in weeks]
        rows = [self.row(str(number), week) for number, week in enumerate(plan, start=1)]
        total = sum(chapter.minutes or 0 for week in plan for chapter in week)
        rows.append([[nodes.paragraph(text=text)] for text in ("All", "", f"{total / 60:.0f} h", "")])
        headings = [[nodes.paragraph(text=text)] for text in ("Week", "Chapters", "Reading", "Exercises")]
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (8, 42, 12, 38)), cols=4)
        group += nodes.thead("", self.entries(headings))
        group += nodes.tbody("", *(self.entries(row) for row in rows))
        return [nodes.table("", group, classes=["course-plan"])]

    def row(self, number: str, week: list[Chapter]) -> list[list[nodes.Node]]:
        """One week's cells."""
        names = [chapter.docname.removeprefix("book/") for chapter in week]
        own = [name for name in names if (Path(self.env.srcdir) / "exercises" / f"{name}.ipynb").is_file()]
        links = [[nodes.paragraph("", "", link_to(f"book/{name}", self.env.docname)) for name in names]]
        links += [[nodes.paragraph("", "", link_to(f"exercises/{name}", self.env.docname)) for name in own]]
        minutes = sum(chapter.minutes or 0 for chapter in week)
        return [[nodes.paragraph(text=number)], links[0], [nodes.paragraph(text=f"{minutes} min")], links[1]]

    @staticmethod
    def entries(cells: list[list[nodes.Node]]) -> nodes.row:
        """The cells as a row of a table."""
        return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


def mark_measured(app: Sphinx, doctree: nodes.document) -> None:
    """Give the line that `make execute` writes its own class, so that the style sheet can make a badge of it."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = paragraph.astext()
        if text.startswith(("Measured on ", "Not measured yet")) and isinstance(paragraph[0], nodes.emphasis):
            paragraph["classes"].append("measured")
            for words in list(paragraph.findall(nodes.Text)):  # a number stays on the line of its unit
                words.parent.replace(words, nodes.Text(re.sub(r"(?<=\d) (?=s\b|GB\b)", "\u00a0", words.astext())))


CLAIM = re.compile(
    r"(?P<id>[A-Z]\d+\w?) (?P<verdict>holds|qualified|refuted): (?P<statement>.*) - measured: (?P<evidence>.*)"
)


def mark_claims(app: Sphinx, doctree: nodes.document) -> None:
    """Show the line that `ck.claim` prints as a claim, with its verdict, and link it to the claims page."""
    for block in list(doctree.findall(nodes.literal_block)):
        match = CLAIM.fullmatch(" ".join(block.astext().split()))
        if match is None or "output" not in block["classes"]:
            continue
        link = addnodes.pending_xref(
            "",
            nodes.inline("", match["id"]),
            refdomain="std",
            reftype="doc",
            reftarget="/book/claims",
            refdoc=app.env.docname,
            refexplicit=True,
            refwarn=True,
        )
        line = nodes.paragraph("", "", link, classes=["claim-line"])
        line += nodes.inline("", match["verdict"], classes=["claim-badge", f"claim-{match['verdict']}"])
        line += [nodes.Text(f" {match['statement']}"), nodes.Text(": ")]
        line += nodes.inline("", match["evidence"], classes=["claim-evidence"])
        block.replace_self(line)


def escape_stars(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let a docstring write a shape as (n, *event_shape), where reStructuredText would see emphasis begin.

    And let a property's docstring have a colon, where napoleon would see a type.
    """
    if what in ("property", "attribute", "data") and lines:
        lines[0] = lines[0].replace(": ", " – ", 1)
    for number, line in enumerate(lines):
        lines[number] = STAR.sub(r"\\*", line)


STAR = re.compile(r"(?<![\w*`\\])\*(?=\w)(?![^*\n]*\w\*)")


def resolve_reexport(app: Sphinx, env: Any, node: addnodes.pending_xref, contnode: nodes.Element) -> Any:
    """Find coursekit.family.Name where Name is defined in a module below and re-exported by the package."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("coursekit."):
        return None
    package, _, name = target.rpartition(".")
    known = env.get_domain("py").objects
    found = [key for key in known if key.startswith(f"{package}.") and key.endswith(f".{name}")]
    if len(found) != 1:
        return None
    entry = known[found[0]]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, found[0])


# What axe-core finds in the theme's and the bibliography's own markup, and the mended form; and what is heavy: icons as
# a script of 540 kB, which the theme's style sheet has as a font too, and a second font for one icon.
THEME_FLAWS = [
    (re.compile(r'(<a class="navbar-brand logo".*?</a>)', re.DOTALL), r'<nav aria-label="Front page">\1</nav>'),
    (re.compile(r'<summary>(?=<span class="toctree-toggle")'), '<summary aria-label="Show or hide the pages below">'),
    (re.compile(r'<script defer src="[^"]*scripts/fontawesome\.js[^"]*"></script>'), ""),
    (re.compile(r"\bfa-?b(?:rands)? fa-github\b"), "fa-solid fa-code-branch"),
    (re.compile(r' onclick="window\.print\(\)"'), " data-print"),  # course.js: the policy allows no inline handler
    (re.compile(r' role="doc-biblioentry"| role="list"(?= class="citation-list")'), ""),
]


def mend_theme(app: Sphinx, exception: Exception | None) -> None:
    """Put the logo into a landmark and name the switches of the navigation, on each page that was written."""
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        if "_static" in path.parts:
            continue
        page = mended = path.read_text(encoding="utf-8")
        if 'aria-label="Front page"' in page:
            continue
        for flaw, repair in THEME_FLAWS:
            mended = flaw.sub(repair, mended)
        if mended != page:
            path.write_text(mended, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives and the transforms."""
    app.add_directive("course-map", CourseMap)
    app.add_directive("course-plan", CoursePlan)
    app.connect("doctree-read", mark_measured)
    app.connect("doctree-read", mark_claims)
    app.connect("autodoc-process-docstring", escape_stars, priority=400)  # before napoleon
    app.connect("missing-reference", resolve_reexport)
    app.connect("build-finished", mend_theme)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

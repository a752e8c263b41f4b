"""Links that the site makes by itself: terms at their first use, chapters and package both ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def links(extension):
    return extension("site_links")


def document(*content):
    tree = new_document("page")
    tree += nodes.section("", *content)
    return tree


def shown(tree):
    """The text, with each made link in brackets."""
    return [
        "".join(
            f"[{part.astext()}]" if part.tagname == "pending_xref" else part.astext() for part in paragraph.children
        )
        for paragraph in tree.findall(nodes.paragraph)
    ]


def test_the_first_mention_becomes_a_link_and_the_others_stay(links):
    tree = document(
        nodes.title(text="The latent variable"),
        nodes.paragraph(text="A priority is no prior-like word."),
        nodes.paragraph(text="Latent variables have a prior. A prior and a latent variable."),
        nodes.paragraph(text="The prior again."),
    )
    assert links.link_first_uses(tree, ["prior", "latent variable"], "page") == ["latent variable", "prior"]
    assert shown(tree) == [
        "A priority is no prior-like word.",
        "[Latent variables] have a [prior]. A prior and a latent variable.",
        "The prior again.",
    ]


def test_longer_terms_go_first_and_capitals_count(links):
    tree = document(nodes.paragraph(text="An elbow. The approximate posterior, the posterior, the ELBO."))
    links.link_first_uses(tree, ["posterior", "approximate posterior", "ELBO"], "page")
    assert shown(tree) == ["An elbow. The [approximate posterior], the [posterior], the [ELBO]."]


def test_words_with_another_meaning_are_left_to_the_writer(links):
    tree = document(nodes.paragraph(text="The code goes wrong. A code is a latent variable."))
    assert links.link_first_uses(tree, ["code", "latent variable"], "page") == ["latent variable"]


def test_code_formulas_and_links_are_left_alone_and_a_written_link_counts(links):
    paragraph = nodes.paragraph("", "", nodes.literal(text="prior"), nodes.Text(" "), nodes.math(text="nat"))
    paragraph += nodes.reference("", "", nodes.Text("the prior"), refuri="x")
    written = links.addnodes.pending_xref("", nodes.inline(text="nats"), reftype="term", reftarget="nat")
    tree = document(paragraph, nodes.paragraph("", "", written, nodes.Text(" and a nat.")))
    assert links.link_first_uses(tree, ["prior", "nat"], "page") == []


def test_terms_are_read_from_the_glossary(links):
    terms = links.terms_of((ROOT / "book" / "glossary.md").read_text(encoding="utf-8"))
    assert {"ELBO", "latent variable", "prior"} <= set(terms) and len(terms) > 60
    assert not any("$" in term or term.endswith(".") for term in terms)


def test_every_chapter_leads_to_the_package_and_back(site):
    missing = []
    for path in sorted((ROOT / "book").glob("*/*.ipynb")):
        page = path.relative_to(ROOT).with_suffix(".html")
        if not (site / page).is_file():
            continue
        text = (site / page).read_text(encoding="utf-8")
        modules = re.findall(r'href="../../autoapi/coursekit/(\w+)/index.html', text.partition("In the package")[2])
        missing += [] if modules else [f"{page} names no part of the package"]
        for module in modules:
            reference = (site / "autoapi" / "coursekit" / module / "index.html").read_text(encoding="utf-8")
            if f"../../../{page.as_posix()}" not in reference.partition("Used in the chapters")[2]:
                missing.append(f"{module} does not lead back to {page}")
    assert missing == []

"""Symbols: read from the page of notation, found in formulas, linked at their first use."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document

ROOT = Path(__file__).parents[2]
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$", re.DOTALL)
# Greek, calligraphic and double letters, and named operators. What is inside a text is no symbol.
LETTER = re.compile(r"\\(?:mathcal|mathbb|mathrm|operatorname)\{\w+\}|\\(?:[a-z]*?)(?:" + "|".join(
    "alpha beta gamma delta epsilon zeta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "eta Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell nabla partial".split()
) + r")(?![a-zA-Z])")  # fmt: skip


@pytest.fixture(scope="module")
def site_symbols(extension):
    return extension("site_symbols")


@pytest.fixture(scope="module")
def symbol_table(extension):
    return extension("symbol_table")


@pytest.fixture(scope="module")
def table(symbol_table):
    return symbol_table.symbols_of((ROOT / "book" / "notation.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def formulas() -> dict[str, list[str]]:
    """The formulas of each chapter."""
    found = {}
    for path in sorted(ROOT.glob("book/*/*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        found[name] = [shown or inline for shown, inline in FORMULA.findall(text)]
    return found


def names(symbol_table, latex, table):
    return [symbol.latex for symbol, _, _ in symbol_table.uses(latex, table)]


@pytest.mark.parametrize(
    ("formula", "symbol"),
    [
        (r"x", "x"),
        (r"p_{\theta} (x \, | \, z)", r"p_\theta(x \mid z)"),
        (r"q(z \mid x)", r"q_\phi(z \mid x)"),
        (r"p_\text{data}", r"p_{\text{data}}"),
        (r"\sigma(a_i)", r"\sigma(a)"),
        (r"\sigma", r"\sigma"),
        (r"\mathcal{N}(0, I)", r"\mathcal{N}(\mu, \Sigma)"),
        (r"\mathbb{E}_q", r"\mathbb{E}_{p}[f(x)]"),
        (r"\nabla_\phi", r"\nabla_\theta"),
        (r"\mathrm{KL}(q \Vert p)", r"\mathrm{KL}(p \,\Vert\, q)"),
        (r"H(q)", "H(p)"),
        (r"H(p, r)", "H(p, q)"),
        (r"\mathcal{L}_k(x)", r"\mathcal{L}_k(x)"),
        (r"\tilde{p}(x)", r"\tilde p(x)"),
        (r"\log p(x)", None),
        (r"x = 3", None),
        (r"\sigma(a) + 1", None),
        (r"d_l", None),
        (r"w", None),
    ],
)
def test_a_whole_formula_is_a_symbol_or_none(symbol_table, table, formula, symbol):
    found = symbol_table.is_symbol(formula, table)
    assert (found and found.latex) == symbol


def test_symbols_are_found_inside_formulas(symbol_table, table):
    found = r"\log p_\theta(x) \ge \mathbb{E}_{q_\phi(z \mid x)}\big[\log p_\theta(x \mid z)\big] - \lambda n_k"
    assert names(symbol_table, found, table) == [
        r"\log", r"p_\theta(x)", r"\mathbb{E}_{p}[f(x)]", r"q_\phi(z \mid x)", r"\log", r"p_\theta(x \mid z)",
        r"\lambda",
    ]  # fmt: skip
    assert names(symbol_table, r"\sum_{k=1}^{K} \pi_k \mathcal{N}(x; \mu_k, \Sigma_k)", table) == [
        "K", r"\pi_k", r"\mathcal{N}(x; \mu, \Sigma)", "x", r"\mu", r"\Sigma",
    ]  # fmt: skip


def test_the_first_formula_is_linked_and_the_rest_are_listed(site_symbols, table):
    tree = new_document("page")
    title = nodes.title("", "", nodes.math(text="x"))
    first = nodes.paragraph(
        "", "", nodes.Text("a code "), nodes.math(text="z"), nodes.Text(" of "), nodes.math(text="x")
    )
    second = nodes.paragraph("", "", nodes.math(text="z"), nodes.math(text="p(z) = 1"))
    link = nodes.paragraph("", "", nodes.reference("", "", nodes.math(text=r"\mu"), refuri="#"))
    tree += nodes.section("", title, first, second, link, nodes.math_block(text=r"\theta + 1"))
    rest = site_symbols.link_symbols(tree, table, "notation.html")
    links = [(node["refuri"], node.astext()) for node in tree.findall(site_symbols.symbol_link)]
    assert links == [("notation.html#symbol-z", "z"), ("notation.html#symbol-x", "x")]
    assert first[1]["label"] == "z: latent variable, or code"
    assert [node.astext() for node in rest] == [r"\theta", "p(z)", r"\mu"]


def test_a_letter_with_another_meaning_in_a_chapter_is_left_alone(site_symbols, table):
    wavenet = ROOT / "book" / "autoregressive" / "wavenet.ipynb"
    shared = {symbol.latex for symbol in site_symbols.symbols_for(wavenet, ROOT)}
    assert r"\mu" not in shared and r"\sigma" in shared
    for path in ROOT.glob("book/*/*.ipynb"):
        own = json.loads(path.read_text(encoding="utf-8"))["metadata"]["coursekit"].get("own_symbols", [])
        assert set(own) <= {symbol.latex for symbol in table}, path


def test_every_address_is_its_own_and_stays(table):
    anchors = [symbol.anchor for symbol in table]
    assert len(set(anchors)) == len(anchors) > 60
    assert {"symbol-x", "symbol-q-phi-z-mid-x", "symbol-K", "symbol-k", "symbol-cal-L-x"} <= set(anchors)


def test_a_row_that_cannot_be_read_is_reported(symbol_table):
    with pytest.raises(ValueError, match="not a row of symbols"):
        symbol_table.symbols_of("| $p$, $P$ | p | both |")


def test_every_symbol_of_the_table_is_used(site_symbols, symbol_table, table, formulas):
    used = set()
    for page, own in formulas.items():
        symbols = site_symbols.symbols_for(ROOT / f"{page}.ipynb", ROOT)
        used |= {symbol.latex for formula in own for symbol, _, _ in symbol_table.uses(formula, symbols)}
    assert [symbol.latex for symbol in table if symbol.latex not in used] == []


def test_what_three_chapters_use_stands_in_the_table(symbol_table, table, formulas):
    chapters = defaultdict(set)
    for page, own in formulas.items():
        for formula in own:
            for token in symbol_table.tokens_of(formula):
                if LETTER.fullmatch(token):
                    chapters[token].add(page)
    known = {token for symbol in table for token in symbol_table.tokens_of(symbol.latex)}
    assert {token: sorted(pages) for token, pages in chapters.items() if len(pages) > 2 and token not in known} == {}


def test_every_chapter_links_its_symbols(site, formulas):
    rows = set(re.findall(r'id="(symbol-[^"]*)"', (site / "book" / "notation.html").read_text(encoding="utf-8")))
    for page in formulas:
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        links = re.findall(
            r'<a aria-label="([^"]+)" class="reference internal symbol" href="../notation.html#([^"]*)"', text
        )
        targets = [target for _, target in links]
        assert len(links) > 5 and set(targets) <= rows, page
        assert len(set(targets)) == len(targets), page  # the first use alone
        assert "<strong>Symbols: </strong>" in text, page

"""The search finds terms, names of the package, and symbols as they are typed, read or drawn."""

from __future__ import annotations

from urllib.parse import quote

import pytest

FIRST = """async (most) => {
    const done = () => /finished|not match/i.test(document.querySelector('#search-results')?.textContent ?? '');
    for (let i = 0; i < 400 && !done(); i++) await new Promise((next) => setTimeout(next, 50));
    return [...document.querySelectorAll('ul.search li > a')].slice(0, most).map((link) => link.getAttribute('href'));
}"""
WANTED = {
    "ELBO": "book/glossary.html#term-ELBO",
    "KL": "book/density/kl-divergence.html",
    "reparameterisation": "book/autoencoders/reparameterisation.html",
    "R-hat": "book/glossary.html#term-R-hat",
    "responsibility": "book/glossary.html#term-responsibility",
    "GaussianMixture": "autoapi/coursekit/density/index.html#coursekit.density.gaussian_mixture.GaussianMixture",
    "q_phi": "book/notation.html#symbol-q-phi-z-mid-x",
    "q phi of z given x": "book/notation.html#symbol-q-phi-z-mid-x",
    "p_theta(x|z)": "book/notation.html#symbol-p-theta-x-mid-z",
    "epsilon": "book/notation.html#symbol-varepsilon",
    "theta": "book/notation.html#symbol-theta",
    "beta": "book/notation.html#symbol-beta",
    "Σ": "book/notation.html#symbol-Sigma",
}


@pytest.mark.browser
def test_what_is_typed_leads_to_its_place(visit):
    missed = {}
    for query, wanted in WANTED.items():
        page, record = visit(f"search.html?q={quote(query)}")
        first = page.evaluate(FIRST, 4)
        assert record.problems == []
        page.close()
        if wanted not in first:
            missed[query] = first
    assert missed == {}


@pytest.mark.browser
def test_a_result_shows_what_the_page_says(visit):
    for query, said in {"entropy": "expected surprise", "posterior collapse": "ignores the code"}.items():
        page, record = visit(f"search.html?q={quote(query)}")
        page.evaluate(FIRST, 4)
        page.wait_for_function("document.querySelectorAll('#search-results .context').length > 5")
        shown = page.evaluate("[...document.querySelectorAll('#search-results .context')].map((p) => p.textContent)")
        assert record.problems == []
        page.close()
        assert said in shown[0].lower()
        assert not [text for text in shown if len(text) < 20 or "\\(" in text or "Binder" in text]

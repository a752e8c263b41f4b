"""The Gibbs sampler in the browser: against the package's, step by step, and what the page does."""

import pytest
import torch

import coursekit.figures as figures
from coursekit.density import CollapsedGibbs, draw_documents
from tests.figures.waiting import redrawn, until

ALPHA, BETA = 0.5, 0.1


def bars(side=5):
    square = torch.zeros(2 * side, side, side)
    for i in range(side):
        square[i, i], square[side + i, :, i] = 1 / side, 1 / side
    return square.flatten(1)


@pytest.fixture(scope="module")
def counts():
    return draw_documents(bars(), ALPHA, 60, 40, generator=torch.Generator().manual_seed(0))[0]


@pytest.fixture
def figure(counts):
    return figures.GibbsBars(counts, bars())


@pytest.fixture
def call(javascript):
    return javascript(figures.GibbsBars)


STATE = "(counts, z, topics, alpha, beta, more) => { const s = functions.stateOf(counts, z, topics); return %s; }"


@pytest.mark.parametrize("topics", [2, 10])
def test_conditional_and_log_joint_are_the_packages(call, counts, topics):
    counts = counts[:12]
    sampler = CollapsedGibbs(counts, topics, alpha=ALPHA, beta=BETA, generator=torch.Generator().manual_seed(1))
    sampler.sweep()
    arguments = (counts.tolist(), sampler.topics, topics, ALPHA, BETA, [])
    assert call(STATE % "functions.logJoint(s, alpha, beta)", *arguments) == pytest.approx(sampler.log_joint())
    found = call(STATE % "s.z.map((_, i) => functions.conditional(s, i, alpha, beta))", *arguments)
    expected = torch.stack([sampler.conditional(i) for i in range(len(sampler.words))])
    torch.testing.assert_close(torch.tensor(found), expected.float())
    found = call(STATE % "functions.topicWords(s, beta)", *arguments)
    words = sampler.topic_word_counts() + BETA
    torch.testing.assert_close(torch.tensor(found), (words / words.sum(1, keepdim=True)).float())


def test_a_sweep_with_the_same_numbers_is_the_same_sweep(call, counts):
    sampler = CollapsedGibbs(counts, 10, alpha=ALPHA, beta=BETA, generator=torch.Generator().manual_seed(1))
    start = list(sampler.topics)
    state = sampler.generator.get_state()
    sampler.sweep()
    sampler.generator.set_state(state)
    uniform = torch.rand(len(start), dtype=torch.float64, generator=sampler.generator).tolist()
    script = "(more.forEach((u, i) => functions.redraw(s, i, alpha, beta, u)), s.z)"
    assert call(STATE % script, counts.tolist(), start, 10, ALPHA, BETA, uniform) == sampler.topics


def test_what_counts_as_found(call):
    truth = bars()
    assert call("functions.found", truth.tolist(), truth.tolist()) == 10
    mixed = 0.5 * truth[:5] + 0.5 * truth[5:]
    assert call("functions.found", mixed.tolist(), truth.tolist()) == 0
    assert call("functions.found", (0.8 * truth[:3] + 0.2 / 25).tolist(), truth.tolist()) == 3


def test_other_documents_are_refused():
    with pytest.raises(ValueError, match="they have 24 and 25"):
        figures.GibbsBars(torch.ones(3, 24), bars())


def readout(page, name):
    redrawn(page)
    return page.locator(".ck-readout", has_text=name).locator("strong").inner_text()


def nats(page):
    return float(readout(page, "log p(w, z), nats").replace("−", "-"))


def test_sweeps_raise_the_joint_probability(show, figure):
    page = show(figure)
    assert readout(page, "sweeps") == "0" and readout(page, "true topics found") == "0 of 10"
    before = nats(page)
    page.get_by_role("button", name="One step").click()
    assert readout(page, "sweeps") == "1"
    page.get_by_role("button", name="Run").click()
    until(page, lambda: nats(page) > before + 200)
    page.get_by_role("button", name="Pause").click()
    assert int(readout(page, "sweeps")) > 3
    assert page.problems == []


def test_one_word_after_the_other(show, figure):
    page = show(figure)
    note = page.locator(".ck-note", has_text="Next: a word of document")
    first = note.inner_text()
    button = page.get_by_role("button", name="One word")
    button.focus()
    for _ in range(45):
        page.keyboard.press("Enter")
    redrawn(page)
    assert "document 2" in note.inner_text() and "document 1," in first and readout(page, "sweeps") == "0"
    assert page.problems == []


def test_controls_start_anew_or_go_on(show, figure):
    page = show(figure)
    page.get_by_role("button", name="One step").click()
    page.get_by_role("slider", name="α").focus()
    page.keyboard.press("ArrowRight")
    assert readout(page, "sweeps") == "1"
    before = nats(page)
    page.get_by_role("button", name="New start").click()
    assert readout(page, "sweeps") == "0" and nats(page) != before
    page.get_by_role("slider", name="topics").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    redrawn(page)
    assert page.get_by_role("img", name="14 topics after 0 sweeps").count() == 1
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, figure, width, dark):
    page = show(figure, width=width, dark=dark)
    for _ in range(25):
        page.get_by_role("button", name="One step").click()
    redrawn(page)
    picture(page, f"gibbs_bars-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

"""The bound's live figure: its numbers against closed forms and torch's quadrature, its controls in a browser."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

import coursekit.figures as figures
from tests.figures.waiting import place, redrawn, spoken

FIRST = dict(decoder="linear", x=1.5, noise=0.4, q_mean=0.2, q_width=0.6)
STATES = [
    FIRST,
    dict(decoder="linear", x=0.0, noise=0.3, q_mean=-2.0, q_width=1.5),
    dict(decoder="rectified", x=0.0, noise=0.4, q_mean=-0.5, q_width=0.1),
    dict(decoder="rectified", x=2.0, noise=0.3, q_mean=2.0, q_width=1.5),
    dict(decoder="absolute", x=1.5, noise=0.4, q_mean=1.3, q_width=0.37),
    dict(decoder="absolute", x=0.3, noise=1.0, q_mean=-2.0, q_width=1.0),
]
DECODERS = {"linear": lambda z: z, "rectified": torch.relu, "absolute": torch.abs}
PRIOR = Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))


def truth(state):
    """log p(x), reconstruction, KL(q, prior) and KL(q, posterior) by the trapezium rule in float64."""
    z = torch.linspace(-16, 16, 400_001, dtype=torch.float64)
    q = Normal(torch.tensor(state["q_mean"], dtype=torch.float64), torch.tensor(state["q_width"], dtype=torch.float64))
    log_likelihood = Normal(DECODERS[state["decoder"]](z), state["noise"]).log_prob(torch.tensor(state["x"]).double())
    log_joint, density = PRIOR.log_prob(z) + log_likelihood, q.log_prob(z).exp()
    evidence = torch.trapezoid(log_joint.exp(), z).log()
    gap = torch.trapezoid(density * (q.log_prob(z) - log_joint + evidence), z)
    reconstruction = torch.trapezoid(density * log_likelihood, z)
    return evidence.item(), reconstruction.item(), kl_divergence(q, PRIOR).item(), gap.item()


@pytest.fixture
def call(javascript):
    return javascript(figures.BoundGap)


@pytest.mark.parametrize("state", STATES)
def test_every_number_equals_quadrature(call, state):
    evidence, reconstruction, regulariser, gap = truth(state)
    assert call("functions.logEvidence", state) == pytest.approx(evidence, abs=1e-5)
    bound = call("functions.bound", state)
    assert bound["reconstruction"] == pytest.approx(reconstruction, rel=1e-5, abs=1e-5)
    assert bound["regulariser"] == pytest.approx(regulariser, abs=1e-9)
    assert bound["elbo"] == pytest.approx(reconstruction - regulariser, rel=1e-5, abs=1e-5)
    assert call("functions.gap", state) == pytest.approx(gap, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("state", STATES)
def test_the_parts_add_up_to_log_p(call, state):
    parts = call("functions.bound", state)["elbo"] + call("functions.gap", state)
    assert parts == pytest.approx(call("functions.logEvidence", state), abs=1e-6)


def test_fit_of_the_linear_model_is_its_posterior_and_closes_the_gap(call):
    precision = 1 + 1 / FIRST["noise"] ** 2
    fit = call("functions.fit", FIRST)
    assert fit["q_mean"] == pytest.approx(FIRST["x"] / FIRST["noise"] ** 2 / precision, abs=2e-3)
    assert fit["q_width"] == pytest.approx(precision**-0.5, abs=2e-3)
    assert call("functions.gap", FIRST | fit) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_one_of_two_peaks_costs_log_two(call, sign):
    state = FIRST | dict(decoder="absolute", x=2.0, q_mean=0.8 * sign)
    fit = call("functions.fit", state)
    assert fit["q_mean"] * sign == pytest.approx(1.72, abs=0.02)
    assert call("functions.gap", state | fit) == pytest.approx(math.log(2), abs=1e-3)


def readouts(page):
    redrawn(page)
    return [float(text.split()[0].replace("−", "-")) for text in page.locator(".ck-readout strong").all_inner_texts()]


def expected(state):
    evidence, reconstruction, regulariser, gap = truth(state)
    return pytest.approx([evidence, reconstruction - regulariser, gap, reconstruction, regulariser], abs=1e-3)


def test_the_first_picture_shows_the_values_of_the_state(show):
    page = show(figures.BoundGap())
    assert readouts(page) == expected(FIRST)
    assert page.locator(".coursekit-figure").get_attribute("aria-label").startswith("Density curves over a hidden")
    assert page.problems == []


def test_moving_q_trades_the_parts_and_keeps_their_sum(show):
    page = show(figures.BoundGap())
    before = readouts(page)
    handle = page.get_by_role("slider", name="mean of q")
    box = place(page, handle)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.up()
    after = readouts(page)
    moved = float(handle.get_attribute("aria-valuenow"))
    assert moved > 0.5
    assert after == pytest.approx([*expected(FIRST | dict(q_mean=moved)).expected], abs=2e-2)
    assert after[0] == before[0]
    assert after[1] > before[1] + 1 and after[2] < before[2] - 1
    assert after[1] + after[2] == pytest.approx(after[0], abs=2e-3)
    assert page.problems == []


def test_every_control_works_from_the_keyboard(show):
    page = show(figures.BoundGap())
    state = dict(FIRST)
    page.get_by_role("slider", name="width of q").focus()
    page.keyboard.press("Shift+ArrowRight")
    state["q_width"] += 0.5
    assert readouts(page) == expected(state)
    page.get_by_role("slider", name="mean of q").focus()
    page.keyboard.press("ArrowLeft")
    state["q_mean"] -= 0.1
    assert readouts(page) == expected(state)
    page.get_by_role("slider", name="observed x").focus()
    page.keyboard.press("ArrowLeft")
    state["x"] -= 0.1
    assert readouts(page) == expected(state)
    page.get_by_label("decoder").select_option("absolute")
    state["decoder"] = "absolute"
    assert readouts(page) == expected(state)
    page.get_by_role("button", name="q = prior").press("Enter")
    assert readouts(page) == expected(state | dict(q_mean=0.0, q_width=1.0))
    page.get_by_label("decoder").select_option("linear")
    page.get_by_role("button", name="Fit q").press("Enter")
    assert readouts(page)[2] == pytest.approx(0.0, abs=1e-3)
    assert spoken(page, "KL(q ‖ posterior) 0.000 nats")
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.BoundGap(decoder="absolute", q_mean=0.8), width=width, dark=dark)
    page.get_by_role("button", name="Fit q").click()
    redrawn(page)
    picture(page, f"bound_gap-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

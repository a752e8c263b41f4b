"""The first live figure: its numbers against torch and quadrature, its handles in a browser."""

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal, kl_divergence

import coursekit.figures as figures
from tests.figures.waiting import place, redrawn, spoken

STATES = [
    dict(p_mean=-1.0, p_width=1.0, q_mean=1.5, q_width=1.5, modes=1, separation=3.0),
    dict(p_mean=6.0, p_width=0.3, q_mean=-6.0, q_width=0.3, modes=1, separation=3.0),
    dict(p_mean=2.0, p_width=3.0, q_mean=2.0, q_width=3.0, modes=1, separation=0.0),
    dict(p_mean=0.5, p_width=0.7, q_mean=-2.0, q_width=2.5, modes=2, separation=3.0),
    dict(p_mean=-4.0, p_width=0.3, q_mean=5.0, q_width=0.5, modes=2, separation=4.0),
]


def distributions(state):
    double = {name: torch.tensor(value, dtype=torch.float64) for name, value in state.items()}
    q = Normal(double["q_mean"], double["q_width"])
    if state["modes"] == 1:
        return Normal(double["p_mean"], double["p_width"]), q
    centres = double["p_mean"] + double["separation"] * torch.tensor([-1.0, 1.0], dtype=torch.float64)
    even = Categorical(probs=torch.full((2,), 0.5, dtype=torch.float64))
    return MixtureSameFamily(even, Normal(centres, double["p_width"])), q


def quadrature(p, q):
    """KL(p || q), KL(q || p) and Jensen-Shannon by the trapezium rule in float64."""
    x = torch.linspace(-60, 60, 200_001, dtype=torch.float64)
    log_p, log_q = p.log_prob(x), q.log_prob(x)
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    integral = lambda log_a, log_b: torch.trapezoid(log_a.exp() * (log_a - log_b), x).item()  # noqa: E731
    return integral(log_p, log_q), integral(log_q, log_p), (integral(log_p, log_m) + integral(log_q, log_m)) / 2


@pytest.fixture
def call(javascript):
    return javascript(figures.GaussianDivergences)


@pytest.mark.parametrize("state", STATES)
def test_divergences_equal_quadrature_and_the_closed_form(call, state):
    found = call("functions.divergences", state)
    p, q = distributions(state)
    forward, reverse, jensen_shannon = quadrature(p, q)
    assert found["forward"] == pytest.approx(forward, rel=1e-6, abs=1e-9)
    assert found["reverse"] == pytest.approx(reverse, rel=1e-6, abs=1e-9)
    assert found["jensenShannon"] == pytest.approx(jensen_shannon, rel=1e-6, abs=1e-9)
    assert 0 <= found["jensenShannon"] + 1e-12 and found["jensenShannon"] <= math.log(2) + 1e-9
    if state["modes"] == 1:
        assert found["forward"] == pytest.approx(kl_divergence(p, q).item(), rel=1e-6, abs=1e-9)
        assert found["reverse"] == pytest.approx(kl_divergence(q, p).item(), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("state", STATES)
def test_fit_by_forward_kl_has_the_moments_of_p(call, state):
    fit = call("functions.fitForward", state)
    p, _ = distributions(state)
    assert fit["q_mean"] == pytest.approx(p.mean.item(), abs=1e-9)
    assert fit["q_width"] == pytest.approx(p.variance.sqrt().item(), rel=1e-9)


def test_fit_by_reverse_kl_takes_the_nearer_mode(call):
    state = STATES[3] | dict(q_mean=1.0)
    fit = call("functions.fitReverse", state)
    assert fit["q_mean"] == pytest.approx(3.5, abs=0.05)
    assert fit["q_width"] == pytest.approx(0.7, abs=0.05)
    left = call("functions.fitReverse", state | dict(q_mean=-0.5))
    assert left["q_mean"] == pytest.approx(-2.5, abs=0.05)
    middle = call("functions.fitReverse", state | dict(q_mean=0.5))  # from the fit by forward KL: one of the two
    assert abs(middle["q_mean"] - 0.5) == pytest.approx(3.0, abs=0.05)


def readouts(page):
    redrawn(page)
    return page.locator(".ck-readout strong").all_inner_texts()


def test_the_first_picture_shows_the_values_of_the_state(show):
    page = show(figures.GaussianDivergences())
    expected = quadrature(*distributions(STATES[0]))
    assert [float(text.split()[0]) for text in readouts(page)] == pytest.approx(expected, abs=6e-4)
    assert page.locator(".coursekit-figure").get_attribute("aria-label").startswith("Density curves of two")
    assert page.problems == []


def test_a_handle_follows_the_mouse(show):
    page = show(figures.GaussianDivergences())
    before = readouts(page)
    handle = page.get_by_role("slider", name="mean of Q")
    box = place(page, handle)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.move(x + 120, y + 40, steps=4)
    page.mouse.up()
    after = readouts(page)
    moved = float(handle.get_attribute("aria-valuenow"))
    assert moved > 3.0
    state = STATES[0] | dict(q_mean=moved)
    assert [float(text.split()[0]) for text in after] == pytest.approx(quadrature(*distributions(state)), abs=2e-3)
    assert after != before
    box = place(page, handle)
    page.mouse.move(box["x"] + 5, box["y"] + 20, steps=3)  # released: passing over it moves it no more
    page.mouse.move(box["x"] + 30, box["y"] + 20, steps=3)
    redrawn(page)
    assert float(handle.get_attribute("aria-valuenow")) == moved
    assert page.problems == []


def test_a_handle_obeys_the_keyboard_and_is_spoken(show):
    page = show(figures.GaussianDivergences())
    handle = page.get_by_role("slider", name="mean of Q")
    handle.focus()
    steps = [("ArrowRight", 1.6), ("ArrowUp", 1.7), ("ArrowLeft", 1.6), ("Shift+ArrowLeft", 0.6), ("PageUp", 1.6),
             ("End", 6.0), ("ArrowRight", 6.0), ("Home", -6.0)]  # fmt: skip
    for key, value in steps:
        page.keyboard.press(key)
        redrawn(page)
        assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(value), key
    state = STATES[0] | dict(q_mean=-6.0)
    found = [float(text.split()[0]) for text in readouts(page)]
    assert found == pytest.approx(quadrature(*distributions(state)), abs=1e-3)
    assert f"{found[0]:.3f} nats" in spoken(page, "forward KL")
    width = page.get_by_role("slider", name="width of P")
    width.focus()
    page.keyboard.press("ArrowRight")
    redrawn(page)
    assert width.get_attribute("aria-valuetext") == "1.10"
    assert page.problems == []


def test_two_modes_and_both_fits(show):
    page = show(figures.GaussianDivergences())
    assert page.get_by_role("slider", name="half distance").is_disabled()
    page.get_by_label("P has").select_option("2")
    page.get_by_role("button", name="Fit Q by forward KL").click()
    forward, reverse = (float(text.split()[0]) for text in readouts(page)[:2])
    page.get_by_role("button", name="Fit Q by reverse KL").click()
    other_forward, other_reverse = (float(text.split()[0]) for text in readouts(page)[:2])
    assert forward < other_forward
    assert other_reverse < reverse
    slider = page.get_by_role("slider", name="half distance")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    redrawn(page)
    assert slider.get_attribute("aria-valuetext") == "2.90"
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.GaussianDivergences(modes=2), width=width, dark=dark)
    page.get_by_role("slider", name="mean of Q").focus()
    page.keyboard.press("ArrowRight")
    redrawn(page)
    picture(page, f"gaussian_divergences-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    surface = page.evaluate("getComputedStyle(document.querySelector('.coursekit-figure')).backgroundColor")
    assert surface == ("rgb(18, 20, 23)" if dark else "rgb(255, 255, 255)")
    assert page.problems == []

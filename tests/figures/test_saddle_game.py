"""The saddle game: its pushes against autograd, its rounds and factors against matrices, its controls."""

import math

import pytest
import torch
from torch.nn.functional import softplus

import coursekit.figures as figures
from tests.figures.waiting import place, redrawn, until

POINTS = [(1.0, 0.5), (-0.7, 2.0), (0.0, -1.2), (2.5, 2.5)]


def value(game, theta, phi):
    """V of the game: bilinear, or the discriminator phi x between data at 0 and fakes at theta."""
    if game == "bilinear":
        return theta * phi
    return -softplus(torch.zeros_like(phi)) - softplus(phi * theta)


def settings(**changes):
    return {"game": "bilinear", "order": "simultaneous", "step_size": 0.2, "penalty": 0.0} | changes


@pytest.fixture
def call(javascript):
    return javascript(figures.SaddleGame)


@pytest.mark.parametrize("game", ["bilinear", "dirac"])
@pytest.mark.parametrize("penalty", [0.0, 0.6])
def test_the_pushes_are_the_gradients_of_the_value(call, game, penalty):
    found = call(
        "(game, penalty, points) => points.map((p) => functions.push(game, penalty, p))", game, penalty, POINTS
    )
    for (theta, phi), given in zip(POINTS, found, strict=True):
        theta, phi = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (theta, phi))
        down = torch.autograd.grad(value(game, theta, phi), theta)[0]
        up = torch.autograd.grad(value(game, theta, phi) - penalty / 2 * phi**2, phi)[0]
        assert given == pytest.approx([-down.item(), up.item()], rel=1e-12)


def test_simultaneous_rounds_stretch_the_bilinear_game_by_a_known_factor(call):
    eta = 0.3
    theta, phi = call("(s, p) => functions.round(s, p)", settings(step_size=eta), [0.8, -1.1])
    assert [theta, phi] == pytest.approx([0.8 + eta * 1.1, -1.1 + eta * 0.8])
    assert call("(s) => functions.factor(s)", settings(step_size=eta)) == pytest.approx(math.sqrt(1 + eta**2))


def test_alternating_rounds_stay_on_an_ellipse(call):
    eta = 0.4
    path = call(
        "(s, p) => { const path = [p]; for (let i = 0; i < 200; i++) path.push(functions.round(s, path.at(-1)));"
        " return path; }", settings(order="alternating", step_size=eta), [1.0, 0.5]
    )  # fmt: skip
    kept = [theta**2 + phi**2 + eta * theta * phi for theta, phi in path]
    assert kept == pytest.approx([kept[0]] * 201, rel=1e-9)


@pytest.mark.parametrize("game", ["bilinear", "dirac"])
@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
@pytest.mark.parametrize(("eta", "penalty"), [(0.2, 0.0), (0.5, 1.0), (2.2, 0.0), (1.5, 1.9), (0.3, 0.05)])
def test_the_factor_is_the_largest_eigenvalue_of_a_round(call, game, order, eta, penalty):
    """Rounds from two tiny starts are the columns of the round's matrix."""
    here = settings(game=game, order=order, step_size=eta, penalty=penalty)
    small = 1e-6
    columns = call("(s, h) => [[h, 0], [0, h]].map((p) => functions.round(s, p))", here, small)
    matrix = torch.tensor(columns, dtype=torch.float64).T / small
    wanted = torch.linalg.eigvals(matrix).abs().max().item()
    assert call("(s) => functions.factor(s)", here) == pytest.approx(wanted, rel=1e-5)


def readouts(page):
    redrawn(page)
    labels = page.locator(".ck-readout > span").all_inner_texts()
    return dict(zip(labels, page.locator(".ck-readout strong").all_inner_texts(), strict=True))


def test_it_starts_paused_plays_and_steps(show):
    page = show(figures.SaddleGame(), reduced_motion="reduce")
    assert readouts(page)["rounds"] == "0"
    redrawn(page, frames=20)
    assert readouts(page)["rounds"] == "0"
    page.get_by_role("button", name="One step").click()
    after = readouts(page)
    assert after["rounds"] == "1" and after["so the game"] == "flies apart"
    assert after["factor a round, near (0, 0)"] == f"{math.sqrt(1.04):.3f}"
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("Space")
    until(page, lambda: int(readouts(page)["rounds"]) > 3)
    page.keyboard.press("Enter")
    stopped = readouts(page)
    assert int(stopped["rounds"]) > 3
    assert float(stopped["distance now"]) == pytest.approx(
        math.hypot(1, 0.5) * math.sqrt(1.04) ** int(stopped["rounds"]), abs=0.006
    )
    page.get_by_role("button", name="Back to the start").click()
    assert readouts(page)["rounds"] == "0"
    assert page.problems == []


def test_the_start_moves_by_mouse_and_keyboard_and_the_choices_change_the_fate(show):
    page = show(figures.SaddleGame())
    handle = page.get_by_role("slider", name="start, generator and discriminator")
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    redrawn(page)
    assert handle.get_attribute("aria-valuetext") == "1.10, 0.60"
    box = place(page, handle)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y + 30, steps=4)
    page.mouse.up()
    redrawn(page)
    assert handle.get_attribute("aria-valuetext") != "1.10, 0.60"
    page.get_by_role("combobox", name="steps").select_option("alternating")
    assert readouts(page)["so the game"] == "goes round for ever"
    slider = page.get_by_role("slider", name="penalty γ")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert readouts(page)["so the game"] == "converges"
    page.get_by_role("combobox", name="game").select_option("dirac")
    assert readouts(page)["rounds"] == "0"
    assert page.problems == []


def test_a_lost_game_ends(show):
    page = show(figures.SaddleGame(step_size=2.5))
    for _ in range(8):
        page.get_by_role("button", name="One step").click()
    assert readouts(page)["distance now"] == "lost"
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.SaddleGame(order="alternating" if dark else "simultaneous"), width=width, dark=dark)
    for _ in range(25 if dark else 20):
        page.get_by_role("button", name="One step").click()
    redrawn(page)
    picture(page, f"saddle_game-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

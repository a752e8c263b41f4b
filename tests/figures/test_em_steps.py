"""EM step by step: its steps are the package's, its likelihood never falls, and a reader can place points."""

import math

import pytest
import torch

import coursekit.figures as figures
from coursekit.density import GaussianMixture
from coursekit.density.gaussian_mixture import THINNEST
from tests.figures.waiting import place, redrawn


@pytest.fixture
def call(javascript):
    return javascript(figures.EmSteps)


def model_of(mixture):
    """The package's model with the parameters of the figure's."""
    a, b, c = torch.tensor(mixture["covariances"], dtype=torch.float64).T
    covariances = torch.stack([torch.stack([a, b], dim=1), torch.stack([b, c], dim=1)], dim=1)
    means = torch.tensor(mixture["means"], dtype=torch.float64)
    weights = torch.tensor(mixture["weights"], dtype=torch.float64)
    return GaussianMixture(len(weights)).given(weights, means, covariances)


@pytest.mark.parametrize(("data", "parts"), [("blobs", 3), ("crossed", 2), ("blobs", 1)])
def test_every_half_step_is_the_packages(call, data, parts):
    points = call("functions.example", data, 0)
    x = torch.tensor(points, dtype=torch.float64)
    begin = call("functions.run", points, parts, 4, 0)
    model = model_of(begin["mixture"])
    assert begin["likelihoods"] == [pytest.approx(model.log_prob(x).mean().item())]
    end = call("functions.run", points, parts, 4, 11)  # five E-steps and M-steps, and an E-step
    assert end["taken"] == 11 and end["fallen"] == -1
    start = model.responsibilities(x)
    fitted = GaussianMixture(parts).fit(x, start=start, iterations=5, tolerance=-math.inf)
    found = model_of(end["mixture"])
    torch.testing.assert_close(found.means, fitted.means)
    torch.testing.assert_close(found.scale, fitted.scale)
    torch.testing.assert_close(found.log_weights, fitted.log_weights)
    torch.testing.assert_close(torch.tensor(end["responsibilities"], dtype=torch.float64), fitted.responsibilities(x))
    assert end["likelihoods"][2::2] == pytest.approx(fitted.history)


def test_the_bound_is_tight_after_an_e_step_and_below_after_an_m_step(call):
    points = call("functions.example", "crossed", 0)
    run = call("functions.run", points, 3, 1, 20)
    likelihoods, bounds = run["likelihoods"], run["bounds"]
    for step in range(1, 21):
        if step % 2:
            assert bounds[step] == pytest.approx(likelihoods[step], abs=1e-9)
            assert likelihoods[step] == likelihoods[step - 1]
        else:
            assert bounds[step - 1] - 1e-12 <= bounds[step] <= likelihoods[step] + 1e-12
    assert likelihoods[-1] > likelihoods[0] + 0.1


def test_the_bound_is_the_likelihood_minus_the_divergence(call):
    points = call("functions.example", "blobs", 0)
    mixture = call("functions.run", points, 3, 0, 4)["mixture"]
    x = torch.tensor(points, dtype=torch.float64)
    r = torch.rand(len(x), 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    r /= r.sum(dim=1, keepdim=True)
    model = model_of(mixture)
    divergence = (r * (r.log() - model.responsibilities(x).log())).sum(dim=1)
    expected = (model.log_prob(x) - divergence).mean().item()
    assert call("functions.bound", points, mixture, r.tolist()) == pytest.approx(expected)


def test_a_collapse_is_found_by_the_packages_rule(call):
    part, data = torch.tensor([[0.5, 0.2], [0.2, 0.3]]).double(), torch.tensor([[2.0, -0.7], [-0.7, 1.5]]).double()
    smallest = torch.linalg.eigvals(torch.linalg.solve(data, part)).real.min().item()
    found = call("functions.thinnest", [0.5, 0.2, 0.3], [2.0, -0.7, 1.5])
    assert found == pytest.approx(smallest)
    points = call("functions.example", "outlier", 0)
    fallen = [call("functions.run", points, 3, seed, 200)["fallen"] for seed in range(6)]
    assert any(part >= 0 for part in fallen)
    assert call("THINNEST".replace("THINNEST", "() => 1e-6")) == THINNEST


def test_a_reader_takes_steps(show):
    page = show(figures.EmSteps())
    strong = page.locator(".ck-readout strong")
    assert strong.nth(0).inner_text().startswith("E-step")
    before = strong.nth(1).inner_text()
    page.get_by_role("button", name="One step").click()
    redrawn(page)
    assert strong.nth(0).inner_text().startswith("M-step")
    assert strong.nth(1).inner_text() == strong.nth(2).inner_text() == before  # the bound is tight
    page.get_by_role("button", name="One step").click()
    redrawn(page)
    assert strong.nth(1).inner_text() != before
    page.get_by_role("button", name="New start").click()
    redrawn(page)
    assert strong.nth(0).inner_text().startswith("E-step")
    assert page.problems == []


def test_points_are_placed_by_mouse_and_by_keyboard(show):
    page = show(figures.EmSteps(parts=2))
    page.get_by_role("button", name="Clear").click()
    redrawn(page)
    note = page.locator(".ck-note")
    assert note.inner_text().startswith("0 points: place at least 4")
    ground = page.locator(".ck-chart rect")
    box = place(page, ground)
    for across, up in ((0.2, 0.3), (0.3, 0.6), (0.7, 0.2)):
        page.mouse.click(box["x"] + across * box["width"], box["y"] + up * box["height"])
        redrawn(page)
    assert note.inner_text().startswith("3 points")
    page.get_by_role("slider", name="new point").focus()
    for key in ("PageUp", "Enter", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
        redrawn(page)
    assert note.inner_text().startswith("5 points. Weights")
    assert page.get_by_role("combobox", name="points").input_value() == "own"
    assert page.problems == []


def test_a_collapse_is_said(show):
    points = [[-2.0, 0.1], [-1.5, 0.4], [-1.8, -0.3], [-2.2, 0.5], [-1.2, 0.0], [3.5, 2.5]]
    page = show(figures.EmSteps(data="own", points=points, parts=2, seed=0, steps=200))
    assert "has collapsed" in page.locator(".ck-note").inner_text()
    assert page.locator(".ck-readout strong").nth(0).inner_text() == "none"
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.EmSteps(steps=15 if dark else 4, data="crossed" if dark else "blobs"), width=width, dark=dark)
    redrawn(page)
    picture(page, f"em_steps-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

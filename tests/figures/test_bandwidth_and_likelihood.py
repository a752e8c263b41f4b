"""The kernel density to drag: its likelihoods against the package's and quadrature, its controls in a browser."""

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal

import coursekit.figures as figures
from coursekit.density import KernelDensity
from tests.figures.waiting import redrawn

WIDTHS = [0.01, 0.1, 0.4, 2.0]


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


TRUTH = MixtureSameFamily(Categorical(double(0.6, 0.4)), Normal(double(-1.2, 1.8), double(0.7, 0.5)))


@pytest.fixture
def call(javascript):
    return javascript(figures.BandwidthAndLikelihood)


def fresh(density):
    x = torch.linspace(-8, 8, 64_001, dtype=torch.float64)
    return torch.trapezoid(TRUTH.log_prob(x).exp() * density.log_prob(x), x).item()


@pytest.mark.parametrize("width", WIDTHS)
def test_three_likelihoods_equal_the_packages(call, width):
    points = call("functions.draw", 3, 19) + [4.9]
    density = KernelDensity(width).fit(double(*points))
    assert call("functions.training", points, width) == pytest.approx(density.log_prob(density.points[:, 0]).mean())
    assert call("functions.leaveOneOut", points, width) == pytest.approx(density.leave_one_out().mean().item())
    # between two narrow kernels the exact curve has a kink, which equal steps smooth over
    assert call("functions.fresh", points, width) == pytest.approx(fresh(density), rel=2e-3)


def test_the_known_density_and_its_draws(call):
    x = torch.linspace(-7, 7, 15, dtype=torch.float64)
    found = call("xs => xs.map(functions.truth)", x.tolist())
    assert found == pytest.approx(TRUTH.log_prob(x).tolist())
    assert call("functions.ceiling") == pytest.approx(fresh(TRUTH), abs=1e-6)
    points = double(*call("functions.draw", 1, 20_000))
    assert points.mean().item() == pytest.approx(TRUTH.mean.item(), abs=5 * TRUTH.stddev.item() / math.sqrt(20_000))
    assert points.std().item() == pytest.approx(TRUTH.stddev.item(), rel=0.03)


def test_the_best_bandwidth_is_that_of_greatest_leave_one_out(call):
    points = call("functions.draw", 0, 30)
    found = call("functions.best", points)
    tried = [10 ** (-2 + 2.3 * i / 460) for i in range(461)]
    scores = [KernelDensity(width).fit(double(*points)).leave_one_out().mean().item() for width in tried]
    assert math.log10(found) == pytest.approx(math.log10(tried[scores.index(max(scores))]), abs=0.04)


def readouts(page):
    redrawn(page)
    return [float(text.split()[0].replace("−", "-")) for text in page.locator(".ck-readout strong").all_inner_texts()]


def test_the_readouts_follow_bandwidth_points_and_the_dragged_point(show, call):
    page = show(figures.BandwidthAndLikelihood(bandwidth=0.3, dragged=2.0))
    points = [2.0, *call("functions.draw", 0, 19)]
    density = KernelDensity(0.3).fit(double(*points))
    expected = [density.log_prob(density.points[:, 0]).mean(), density.leave_one_out().mean()]
    assert readouts(page)[:3] == pytest.approx([0.3, *(value.item() for value in expected)], abs=6e-3)
    page.get_by_role("button", name="Best by leave-one-out").click()
    best = readouts(page)
    assert best[0] == pytest.approx(call("functions.best", points), abs=6e-4)
    assert best[2] >= readouts(page)[2]
    handle = page.get_by_role("slider", name="bandwidth", exact=True)
    handle.focus()
    page.keyboard.press("Home")
    narrow = readouts(page)
    assert narrow[0] == 0.01 and narrow[1] > best[1] and narrow[2] < best[2] and narrow[3] < best[3] < narrow[4]
    point = page.get_by_role("slider", name="training point to drag")
    point.focus()
    page.keyboard.press("ArrowRight")
    redrawn(page)
    assert float(point.get_attribute("aria-valuenow")) == pytest.approx(2.1)
    page.get_by_label("training points", exact=True).select_option("100")
    assert readouts(page)[1] < narrow[1]
    page.get_by_role("button", name="Draw others").click()
    assert redrawn(page).problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.BandwidthAndLikelihood(bandwidth=0.15), width=width, dark=dark)
    page.get_by_role("slider", name="bandwidth", exact=True).focus()
    page.keyboard.press("ArrowRight")
    redrawn(page)
    picture(page, f"bandwidth_and_likelihood-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

"""The generator curve's live figure: its density against quadrature and torch, its controls in a browser."""

import math

import pytest
import torch
from scipy.interpolate import PchipInterpolator
from torch.distributions import Normal

import coursekit.figures as figures
from tests.figures.waiting import redrawn

CURVES = {
    "squeeze": [-2.4, -2.2, -1.9, 0.0, 1.9, 2.2, 2.4],
    "line": [-2.4, -1.5, -0.6, 0.3, 1.2, 2.1, 3.0],
    "fold": [3.2, 1.4, -0.4, -1.6, -0.4, 1.4, 3.2],
    "waves": [-1.0, 2.0, -0.5, 0.7, -2.2, 1.5, 3.0],
    "falling": [2.0, 1.5, 1.4, 0.2, -0.3, -1.0, -2.9],
}


@pytest.fixture
def call(javascript):
    return javascript(figures.GeneratorCurve)


def values(call, knots, z):
    points = call("(knots, zs) => zs.map((z) => functions.curve(knots, z))", knots, z.tolist())
    return torch.tensor([[point["x"], point["slope"]] for point in points], dtype=torch.float64)


@pytest.mark.parametrize("name", CURVES)
def test_the_curve_passes_its_points_and_has_the_slope_of_finite_differences(call, name):
    knots = CURVES[name]
    at_knots = values(call, knots, torch.arange(-3.0, 4.0))
    assert at_knots[:, 0].tolist() == pytest.approx(knots)
    z = torch.linspace(-3.9, 3.9, 79).double()
    step = 1e-5
    here, up, down = values(call, knots, z), values(call, knots, z + step), values(call, knots, z - step)
    torch.testing.assert_close(here[:, 1], (up[:, 0] - down[:, 0]) / (2 * step), rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("name", ["squeeze", "fold", "waves"])
def test_inside_it_is_the_monotone_cubic_of_scipy(call, name):
    """Between the inner points, where no end rule matters."""
    z = torch.linspace(-2, 2, 41).double()
    expected = PchipInterpolator(range(-3, 4), CURVES[name])(z.numpy())
    torch.testing.assert_close(values(call, CURVES[name], z)[:, 0], torch.from_numpy(expected), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CURVES)
def test_sources_lead_back(call, name):
    grid = values(call, CURVES[name], torch.linspace(-12, 12, 2_401).double())[:, 0]
    for x in (-1.1, 0.05, 0.63, 1.9):
        sources = call("functions.sources", CURVES[name], x)
        for z in sources:
            assert call("functions.curve", CURVES[name], z)["x"] == pytest.approx(x, abs=1e-9)
        assert len(sources) == int(((grid[1:] - x) * (grid[:-1] - x) < 0).sum())


@pytest.mark.parametrize("name", CURVES)
def test_the_probability_of_an_interval_is_the_integral_of_the_density(call, name):
    """The other side: how much of the noise the curve carries into the interval."""
    z = torch.linspace(-8, 8, 16_001).double()
    x = values(call, CURVES[name], z)[:, 0]
    weights = Normal(0.0, 1.0).log_prob(z).exp() * (z[1] - z[0])
    for low, high in ((-1.3, -0.9), (0.2, 0.6), (1.0, 1.25)):
        inside = weights[(x > low) & (x < high)].sum().item()
        width = (high - low) / 2000
        middles = (low + width * (torch.arange(2000).double() + 0.5)).tolist()
        integral = sum(call("functions.densities", CURVES[name], middles)) * width
        assert integral == pytest.approx(inside, abs=3e-3)


def test_a_straight_line_is_a_gaussian(call):
    xs = [-2.0, 0.3, 1.1]
    expected = Normal(0.3, 0.9).log_prob(torch.tensor(xs)).exp().tolist()
    assert call("functions.densities", CURVES["line"], xs) == pytest.approx(expected, abs=1e-6)


def test_level_pieces_hold_the_mass_of_their_noise(call):
    assert call("functions.atoms", CURVES["waves"]) == 0
    steps = [-1.8, -1.8, -1.8, 0, 1.8, 1.8, 1.8]
    assert call("functions.atoms", steps) == pytest.approx(
        2 * Normal(0.0, 1.0).cdf(torch.tensor(-1.0)).item(), abs=1e-6
    )
    assert call("functions.atoms", [1, 1, 2, 3, 4, 5, 6]) == pytest.approx(0.02275, abs=1e-4)


def test_samples_fill_the_density(call):
    heights = call("(k) => functions.histogram(functions.samples(k, 100000, 1), [-3.5, 3.5], 14)", CURVES["squeeze"])
    middles = [-3.5 + 0.5 * (i + k / 20 + 0.025) for i in range(14) for k in range(20)]
    exact = torch.tensor(call("functions.densities", CURVES["squeeze"], middles)).reshape(14, 20).mean(1)
    assert heights == pytest.approx(exact.tolist(), abs=0.02)


def readouts(page):
    redrawn(page)
    return page.locator(".ck-readout strong").all_inner_texts()


def test_the_readouts_follow_the_noise_and_the_curve(show, call):
    page = show(figures.GeneratorCurve(z=0.5))
    goes, thin, total, ways = readouts(page)
    x = call("functions.curve", CURVES["squeeze"], 0.5)
    assert goes == f"0.5 → {x['x']:.2f}"
    expected = math.exp(-0.125) / math.sqrt(2 * math.pi) / x["slope"]
    assert float(total) == pytest.approx(expected, abs=0.006) and ways == "1"
    page.get_by_role("slider", name="noise z").press("ArrowRight")
    assert readouts(page)[0].startswith("0.6 →")
    page.get_by_label("generator", exact=True).select_option("fold")
    assert readouts(page)[3] == "2"
    assert "add up" in page.locator(".ck-note").inner_text()
    page.get_by_role("slider", name="height of the curve at z = 0", exact=True).press("ArrowUp")
    assert redrawn(page).get_by_label("generator", exact=True).input_value() == "own"
    page.get_by_label("generator", exact=True).select_option("steps")
    assert "no density" in redrawn(page).locator(".ck-note").inner_text()
    page.get_by_role("button", name="Draw 2,000 more").click()
    page.get_by_role("button", name="New samples").click()
    assert redrawn(page).problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.GeneratorCurve(), width=width, dark=dark)
    redrawn(page)
    picture(page, f"generator_curve-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

"""The gradient paths' live figure: its numbers against autograd and quadrature, its controls in a browser."""

import math

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss

import coursekit.figures as figures
from tests.figures.waiting import redrawn, until

FIRST = dict(function="bowl", size=5, mean=1.0, baseline=False, draws=0, seed=0)
TERMS = {"bowl": torch.square, "wave": lambda z: torch.sin(2 * z), "step": lambda z: (z > 0).double() + 0 * z}
STATES = [
    FIRST,
    FIRST | dict(size=1, mean=-0.7),
    FIRST | dict(size=30, baseline=True),
    FIRST | dict(function="wave", mean=0.3),
    FIRST | dict(function="wave", size=2, mean=-1.2, baseline=True),
    FIRST | dict(function="step", mean=0.4, size=3),
    FIRST | dict(function="step", mean=-0.5, size=1, baseline=True),
]


@pytest.fixture
def call(javascript):
    return javascript(figures.GradientPaths)


def expectation(state, mean):
    """E[f] for a tensor `mean` of shape (size,): quadrature in one dimension, summed."""
    if state["function"] == "step":
        return torch.special.ndtr(mean).sum()
    points, weights = (torch.from_numpy(array) for array in hermegauss(80))
    return (weights / weights.sum() * TERMS[state["function"]](mean.unsqueeze(-1) + points)).sum()


@pytest.mark.parametrize("state", STATES)
def test_the_true_gradient_is_that_of_the_expectation(call, state):
    mean = torch.full((state["size"],), state["mean"], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(expectation(state, mean), mean)
    assert call("functions.truth", state) == pytest.approx(gradient[0].item(), abs=1e-9)


@pytest.mark.parametrize("state", STATES)
def test_each_estimate_is_what_autograd_makes_of_the_same_noise(call, state):
    drawn = call("functions.draws", state | dict(draws=50))
    noise = torch.tensor([item["noise"] for item in drawn], dtype=torch.float64)  # (50, size)
    mean = torch.full_like(noise, state["mean"], requires_grad=True)
    f = TERMS[state["function"]](mean + noise).sum(1)  # (50,)
    (slope,) = torch.autograd.grad(f.sum(), mean)
    log_q = torch.distributions.Normal(mean, 1.0).log_prob((mean + noise).detach()).sum(1)
    (score,) = torch.autograd.grad(log_q.sum(), mean)
    baseline = expectation(state, mean[0].detach()) if state["baseline"] else 0.0
    torch.testing.assert_close(torch.tensor([item["pathwise"] for item in drawn]).double(), slope[:, 0])
    expected = (f - baseline).detach() * score[:, 0]
    actual = torch.tensor([item["score"] for item in drawn], dtype=torch.float64)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("state", STATES)
def test_variances_are_those_of_many_draws(call, state):
    noise = torch.randn(400_000, state["size"], generator=torch.Generator().manual_seed(0))
    z = (state["mean"] + noise).requires_grad_()
    f = TERMS[state["function"]](z).sum(1)
    (slope,) = torch.autograd.grad(f.sum(), z)
    baseline = expectation(state, torch.full((state["size"],), state["mean"]).double()) if state["baseline"] else 0.0
    score = (f.detach() - baseline) * noise[:, 0]
    exact = call("functions.variances", state)
    assert exact["score"] == pytest.approx(score.var().item(), rel=0.03)
    assert exact["pathwise"] == pytest.approx(slope[:, 0].var().item(), rel=0.03, abs=1e-9)


@pytest.mark.parametrize("size", [1, 4, 30])
def test_the_bowl_at_mean_one_has_the_variances_worked_out_by_hand(call, size):
    state = FIRST | dict(size=size)
    assert call("functions.variances", state)["score"] == pytest.approx((2 * size + 3) * (2 * size + 4))
    assert call("functions.variances", state)["pathwise"] == pytest.approx(4)
    assert call("functions.variances", state | dict(baseline=True))["score"] == pytest.approx(6 * size + 12)


def test_running_means_and_errors_are_those_of_torch(call):
    values = torch.tensor([1.0, 4.0, -2.0, 0.5], dtype=torch.float64)
    result = call("(values) => functions.running(values)", values.tolist())
    for i in range(2, 5):
        assert result["means"][i - 1] == pytest.approx(values[:i].mean().item())
        assert result["errors"][i - 1] == pytest.approx(values[:i].std().item() / math.sqrt(i))
    assert result["means"][0] == 1.0 and result["errors"][0] is None


def test_a_histogram_counts_shares(call):
    shares = call("functions.histogram", [-5.0, 0.1, 0.2, 0.9], [0, 1], 2)
    assert shares == pytest.approx([0.5, 0.25])


def number(text):
    return float(text.replace("−", "-"))


def readouts(page):
    redrawn(page)
    return page.locator(".ck-readout strong").all_inner_texts()


def test_draws_accumulate_around_the_truth(show, call):
    page = show(figures.GradientPaths())
    assert readouts(page) == ["2.000", "no draw yet", "no draw yet", "182.0, 4.0"]
    page.get_by_role("button", name="Draw", exact=True).press("Enter")
    (first,) = call("functions.draws", FIRST | dict(draws=1))
    exact, score, path, _ = readouts(page)
    assert number(score) == pytest.approx(first["score"], abs=0.006)
    assert number(path) == pytest.approx(first["pathwise"], abs=0.006)
    until(page, lambda: "stops here" in page.locator("svg").first.text_content())
    page.get_by_role("button", name="Draw 100").click()
    page.get_by_role("button", name="Draw 100").click()
    _, score, path, _ = readouts(page)
    for text in (score, path):
        value, error = (number(part) for part in text.split(" ± "))
        assert abs(value - 2) < 4 * error
    assert page.problems == []


def test_each_control_starts_again_with_its_own_truth(show):
    page = show(figures.GradientPaths(draws=100))
    page.get_by_label("subtract E[f]").check()
    assert readouts(page)[1:] == ["no draw yet", "no draw yet", "42.0, 4.0"]
    page.get_by_role("slider", name="dimensions").focus()
    page.keyboard.press("ArrowRight")
    assert readouts(page)[3] == "48.0, 4.0"
    page.get_by_role("slider", name="mean μ").focus()
    page.keyboard.press("ArrowLeft")
    assert readouts(page)[0] == "1.800"
    page.get_by_label("f(z)").select_option("step")
    page.get_by_role("button", name="Draw 100").press("Enter")
    exact, _, path, _ = readouts(page)
    assert number(exact) == pytest.approx(math.exp(-0.5 * 0.9**2) / math.sqrt(2 * math.pi), abs=1e-3)
    assert path == "0.00 ± 0.00"
    assert "zero at every draw" in page.locator(".ck-note").last.inner_text()
    page.get_by_role("button", name="Start again").press("Enter")
    assert readouts(page)[1] == "no draw yet"
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.GradientPaths(draws=200), width=width, dark=dark)
    redrawn(page)
    picture(page, f"gradient_paths-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

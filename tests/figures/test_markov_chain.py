"""The live Markov chain: densities against autograd, proposals and effective samples against the package, controls."""

import math

import pytest
import torch

import coursekit.figures as figures
from coursekit.density import Langevin, effective_sample_size, leapfrog
from tests.figures.waiting import redrawn, until

POINTS = [(1.0, 0.5), (-0.7, 2.0), (0.3, -1.2), (-2.5, 1.1)]
NOISE = [(0.3, -1.1), (1.4, 0.2), (-0.6, 0.9), (0.1, 0.1)]


def gaussian(x):
    covariance = 1.44 * torch.tensor([[1.0, 0.95], [0.95, 1.0]], dtype=torch.float64)
    return -0.5 * torch.einsum("ci,ij,cj->c", x, covariance.inverse(), x)


def banana(x):
    return -0.5 * (x[:, 0] / 1.2) ** 2 - 0.5 * ((x[:, 1] - (1.5 - 0.7 * x[:, 0] ** 2)) / 0.35) ** 2


def ring(x):
    return -0.5 * ((x.square().sum(1).sqrt() - 2.5) / 0.3) ** 2


def modes(x):
    means = torch.tensor([[-1.8, -1.0], [1.8, 1.0]], dtype=torch.float64)
    return (-0.5 * (x.unsqueeze(1) - means).square().sum(2) / 0.4**2).logsumexp(1)


DENSITIES = {"gaussian": gaussian, "banana": banana, "ring": ring, "modes": modes}


@pytest.fixture
def call(javascript):
    return javascript(figures.MarkovChain)


def points(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_and_gradients(call, name):
    x = points(POINTS).requires_grad_()
    values = DENSITIES[name](x)
    gradients = torch.autograd.grad(values.sum(), x)[0]
    found = call(f"(points) => points.map(functions.{name})", POINTS)
    torch.testing.assert_close(points([one["value"] for one in found]), values.detach())
    torch.testing.assert_close(points([one["gradient"] for one in found]), gradients)


@pytest.mark.parametrize("name", DENSITIES)
def test_marginals_are_densities_of_the_first_coordinate(call, name):
    xs = torch.linspace(-4, 4, 81, dtype=torch.float64)
    found = points(call("(name, xs) => functions.marginal(name, xs)", name, xs.tolist()))
    grid = torch.cartesian_prod(xs, torch.linspace(-15, 9, 1201, dtype=torch.float64))
    sums = DENSITIES[name](grid).exp().reshape(81, 1201).sum(1)
    torch.testing.assert_close(found, sums / sums.sum() / 0.1, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("method", ["walk", "langevin", "unadjusted", "hamiltonian"])
def test_proposals_are_those_of_the_package(call, name, method):
    step, leaps, density = 0.1, 7, DENSITIES[name]
    settings = {"density": name, "method": method, "step_size": step, "leaps": leaps}
    found = call("(s, xs, noises) => xs.map((x, i) => functions.propose(s, x, noises[i]))", settings, POINTS, NOISE)
    sampler = Langevin(density, step)
    here, noise = sampler.evaluate(points(POINTS)), points(NOISE)
    if method == "hamiltonian":
        end, momentum = leapfrog(lambda x: sampler.evaluate(x).gradient, here.x, noise, step, leaps)
        ratio = density(end) - here.log_prob + 0.5 * (noise**2 - momentum**2).sum(1)
    elif method == "walk":
        end = here.x + step * noise
        ratio = density(end) - here.log_prob
    else:
        end = here.x + step**2 / 2 * here.gradient + step * noise
        there = sampler.evaluate(end)
        back = sampler.log_proposal(there, here.x, step) - sampler.log_proposal(here, end, step)
        ratio = (there.log_prob - here.log_prob + back) * (method == "langevin")
    torch.testing.assert_close(points([one["path"][-1] for one in found]), end)
    torch.testing.assert_close(points([one["logRatio"] for one in found]), ratio)
    assert [one["evaluations"] for one in found] == [leaps if method == "hamiltonian" else 1] * 4
    assert [len(one["path"]) for one in found] == [leaps + 1 if method == "hamiltonian" else 2] * 4


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.9, 0.999])
@pytest.mark.parametrize("n", [20, 501])
def test_effective_samples_are_those_of_the_package(call, rho, n):
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(n, generator=generator, dtype=torch.float64)
    for t in range(1, n):
        draws[t] = rho * draws[t - 1] + math.sqrt(1 - rho**2) * draws[t]
    expected = effective_sample_size(draws.unsqueeze(1)).item()
    assert call("(values) => functions.effectiveSamples(values)", draws.tolist()) == pytest.approx(expected)


def test_a_chain_that_never_moved_has_no_effective_samples(call):
    assert call("(values) => Number.isNaN(functions.effectiveSamples(values))", [1.0] * 30)


def readouts(page):
    redrawn(page)
    labels = page.locator(".ck-readout > span").all_inner_texts()
    return dict(zip(labels, page.locator(".ck-readout strong").all_inner_texts(), strict=True))


def test_it_starts_still_steps_runs_and_forgets(show):
    page = show(figures.MarkovChain(), reduced_motion="reduce")
    assert readouts(page)["steps"] == "0"
    redrawn(page, frames=20)
    assert readouts(page) == {
        "steps": "0",
        "accepted": "none yet",
        "effective samples": "too early",
        "effective samples per 100 evaluations": "too early",
    }
    page.get_by_role("button", name="One step").click()
    assert readouts(page)["steps"] == "1"
    page.get_by_role("button", name="500 steps").click()
    after = readouts(page)
    assert after["steps"] == "501"
    assert 2 < float(after["effective samples"]) < 100
    assert float(after["effective samples per 100 evaluations"]) == pytest.approx(
        float(after["effective samples"]) / 5.01, abs=0.2
    )
    page.get_by_role("button", name="Run").focus()
    page.keyboard.press("Space")
    until(page, lambda: int(readouts(page)["steps"]) > 510)
    page.keyboard.press("Enter")
    assert int(readouts(page)["steps"]) > 503
    page.get_by_role("button", name="Forget the places").click()
    assert readouts(page)["steps"] == "0"
    assert page.problems == []


def test_methods_and_densities_and_the_start(show):
    page = show(figures.MarkovChain(density="gaussian", start=[0.0, 0.0], step_size=0.3))
    fast = page.get_by_role("button", name="500 steps")
    fast.click()
    walk = float(readouts(page)["effective samples"])
    assert page.get_by_role("slider", name="leapfrog steps").is_disabled()
    page.get_by_role("combobox", name="method").select_option("hamiltonian")
    assert readouts(page)["steps"] == "0"
    fast.click()
    assert float(readouts(page)["effective samples"]) > 4 * walk
    handle = page.get_by_role("slider", name="start of the chain")
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    redrawn(page)
    assert handle.get_attribute("aria-valuetext") == "0.10, 0.10"
    assert readouts(page)["steps"] == "0"
    page.get_by_role("combobox", name="density").select_option("modes")
    page.get_by_role("combobox", name="method").select_option("walk")
    for _ in range(11):
        fast.click()
    assert readouts(page)["steps"] == "5000"
    assert page.problems == []


def test_an_unstable_chain_flies_off_and_says_so(show):
    page = show(figures.MarkovChain(method="unadjusted", step_size=1.5, start=[2.0, 2.0]))
    page.get_by_role("button", name="500 steps").click()
    after = readouts(page)
    assert after["effective samples"] == "flown off" and int(after["steps"]) < 50
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    options = {"method": "hamiltonian", "density": "ring", "step_size": 0.16} if dark else {}
    page = show(figures.MarkovChain(**options), width=width, dark=dark)
    page.get_by_role("button", name="500 steps").click()
    redrawn(page)
    picture(page, f"markov_chain-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

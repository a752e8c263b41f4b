"""The Gumbel temperature's live figure: samples and gradients against torch, its controls in a browser."""

import math

import pytest
import torch

import coursekit.figures as figures
from coursekit.generators.discrete import exact_gradient, relaxed_gradient, score_function_gradient
from tests.figures.waiting import redrawn

CASES = [([0.5, 0.3, 0.2], [0.2, 0.7, 0.1]), ([0.1, 0.1, 0.8], [0.3, 0.3, 0.4]), ([0.6, 0.35, 0.05], [0.0, 0.1, 0.9])]


@pytest.fixture
def call(javascript):
    return javascript(figures.GumbelTemperature)


def cost(target):
    return lambda y: (y - torch.tensor(target, dtype=torch.float64)).square().sum(-1)


def logits(p):
    return torch.tensor(p, dtype=torch.float64).log()


@pytest.mark.parametrize(("p", "target"), CASES)
def test_the_exact_gradient_is_that_of_enumeration(call, p, target):
    assert call("functions.exact", p, target) == pytest.approx(exact_gradient(cost(target), logits(p)).tolist())


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(("p", "target"), CASES)
def test_a_draws_gradient_is_autograds(call, p, target, hard):
    for noise in ([0.3, -0.7, 1.9], [2.2, 0.1, 0.4]):
        a = logits(p).requires_grad_()
        soft = ((a + torch.tensor(noise).double()) / 0.6).softmax(0)
        y = torch.nn.functional.one_hot(soft.argmax(), 3) + soft - soft.detach() if hard else soft
        (gradient,) = torch.autograd.grad(cost(target)(y), a)
        assert call("functions.relaxed", p, noise, 0.6) == pytest.approx(soft.tolist())
        assert call("functions.through", p, noise, 0.6, target, hard) == pytest.approx(gradient.tolist())


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_bias_and_noise_are_those_of_many_draws(call, temperature, hard):
    p, target = CASES[0]
    generator = torch.Generator().manual_seed(0)
    draws = relaxed_gradient(cost(target), logits(p), temperature, 300_000, hard=hard, generator=generator)
    found = call("functions.quality", p, temperature, target, hard)
    error = draws.std(0).max().item() / math.sqrt(len(draws))
    assert found["mean"] == pytest.approx(draws.mean(0).tolist(), abs=6 * error + 0.004)
    assert found["noise"] == pytest.approx(draws.var(0).sum().sqrt().item(), rel=0.03)
    bias = (draws.mean(0) - exact_gradient(cost(target), logits(p))).norm().item()
    assert found["bias"] == pytest.approx(bias, abs=6 * error + 0.004)


@pytest.mark.parametrize(("p", "target"), CASES)
def test_the_score_functions_noise(call, p, target):
    baseline = (torch.tensor(p).double() * cost(target)(torch.eye(3).double())).sum()
    generator = torch.Generator().manual_seed(0)
    draws = score_function_gradient(cost(target), logits(p), 200_000, baseline=baseline, generator=generator)
    assert call("functions.scoreNoise", p, target) == pytest.approx(draws.var(0).sum().sqrt().item(), rel=0.02)


def test_both_estimators_at_each_temperature(call):
    both = call("functions.qualities", [0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [-0.5, 0.25])
    for found, hard in zip(both, (False, True), strict=True):
        for quality, log in zip(found, (-0.5, 0.25), strict=True):
            assert quality == call("functions.quality", [0.5, 0.3, 0.2], 10**log, [0.2, 0.7, 0.1], hard)


def test_the_lattice_is_even(call):
    noise = torch.tensor(call("functions.lattice", 4096)).double()
    uniform = (-(-noise).exp()).exp()
    for k in range(3):
        sorted_values = uniform[:, k].sort().values
        assert (sorted_values - (torch.arange(4096) + 0.5) / 4096).abs().max() < 2e-3
    assert uniform.T.cov()[0, 1].abs() < 4e-3


def test_the_largest_entry_follows_the_probabilities(call):
    drawn = torch.tensor(call("functions.samples", [0.5, 0.3, 0.2], 2.0, 20_000, 3))
    torch.testing.assert_close(drawn.sum(1), torch.ones(20_000))
    shares = drawn.argmax(1).bincount(minlength=3) / 20_000
    assert shares.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=0.02)


def readouts(page):
    redrawn(page)
    return page.locator(".ck-readout strong").all_inner_texts()


def test_the_controls_move_what_they_say(show, call):
    page = show(figures.GumbelTemperature())
    before = readouts(page)
    assert before[1] == "0.50, 0.30, 0.20"
    bias, noise = (float(part) for part in before[3].split(", "))
    found = call("functions.quality", [0.5, 0.3, 0.2], 10**-0.3, [0.2, 0.7, 0.1], False)
    assert bias == pytest.approx(found["bias"], abs=6e-4) and noise == pytest.approx(found["noise"], abs=6e-3)
    page.get_by_role("slider", name="temperature τ").press("End")
    hot = readouts(page)
    assert hot[0] == before[0]  # the winner does not know the temperature
    assert float(hot[3].split(", ")[1]) < noise
    page.get_by_role("slider", name="probabilities π₁, π₂").press("ArrowLeft")
    assert readouts(page)[1] == "0.48, 0.30, 0.22"
    page.get_by_role("slider", name="target, its first two entries").press("ArrowDown")
    page.get_by_role("button", name="New noise").click()
    assert readouts(page)[0] != before[0]
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.GumbelTemperature(), width=width, dark=dark)
    redrawn(page)
    picture(page, f"gumbel_temperature-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

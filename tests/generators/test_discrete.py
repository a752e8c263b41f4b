"""Draws of categories against their probabilities, the relaxed density by quadrature, gradients against enumeration."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.distributions import Gumbel, RelaxedOneHotCategorical

from coursekit.generators.discrete import (
    GumbelSoftmax,
    exact_gradient,
    gumbel,
    gumbel_max,
    leave_one_out,
    leave_one_out_gradient,
    one_hot,
    relaxed_gradient,
    score_function_gradient,
    straight_through,
)

LOGITS = torch.tensor([0.3, -0.8, 1.1], dtype=torch.float64)
TARGET = torch.tensor([0.5, 0.9, -0.3], dtype=torch.float64)
SAMPLES = 200_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bowl(y: torch.Tensor) -> torch.Tensor:
    return (y - TARGET).square().sum(-1)


def assert_mean(estimates: torch.Tensor, truth: torch.Tensor) -> None:
    error = estimates.std(0) / math.sqrt(len(estimates))
    assert ((estimates.mean(0) - truth).abs() < 5 * error).all()


def test_gumbel_noise_has_the_gumbel_distribution_function():
    noise = gumbel((SAMPLES,), generator=generator()).double()
    for level in (-1.0, 0.0, 0.5, 2.0):
        below = math.exp(-math.exp(-level))
        share = (noise < level).double().mean().item()
        assert share == pytest.approx(below, abs=5 * math.sqrt(below * (1 - below) / SAMPLES))
    truth = Gumbel(0.0, 1.0)
    assert noise.mean().item() == pytest.approx(truth.mean.item(), abs=0.02)
    assert noise.std().item() == pytest.approx(truth.stddev.item(), abs=0.02)
    assert gumbel((3_000_000,), generator=generator(1)).isfinite().all()


def test_gumbel_max_draws_the_softmax():
    drawn = gumbel_max(LOGITS, (SAMPLES,), generator=generator())
    assert drawn.shape == (SAMPLES, 3) and drawn.dtype == torch.float64
    assert torch.equal(drawn.sum(-1), torch.ones(SAMPLES, dtype=torch.float64))
    assert_mean(drawn, LOGITS.softmax(0))
    assert torch.equal(drawn, gumbel_max(LOGITS + 7.0, (SAMPLES,), generator=generator()))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_density_is_torchs(temperature):
    """As events of the same three numbers; torch's density is the same function of them."""
    logits = torch.stack([LOGITS, LOGITS.flip(0)])
    y = GumbelSoftmax(temperature, logits).sample((50,), generator=generator())
    torch.testing.assert_close(
        GumbelSoftmax(temperature, logits).log_prob(y),
        RelaxedOneHotCategorical(torch.tensor(temperature).double(), logits=logits).log_prob(y),
    )


def simplex(side: int) -> tuple[torch.Tensor, float]:
    """Centres of small triangles that tile the simplex, and the area of one in the plane of the first two entries."""
    i, j = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    up = torch.stack([i, j], -1)[i + j < side] + 1 / 3
    down = torch.stack([i, j], -1)[i + j < side - 1] + 2 / 3
    first = torch.cat([up, down]).double() / side
    return torch.cat([first, 1 - first.sum(-1, keepdim=True)], -1), 1 / (2 * side**2)


@pytest.mark.parametrize("temperature", [1.0, 1.5, 2.5])
def test_the_density_integrates_to_one(temperature):
    points, area = simplex(600)
    distribution = GumbelSoftmax(temperature, LOGITS)
    assert (distribution.log_prob(points).exp().sum() * area).item() == pytest.approx(1.0, abs=2e-3)


def test_two_categories_are_a_squeezed_logistic():
    """y = sigma((a + s) / tau), s logistic: the share below v is sigma(tau logit v - a)."""
    y = GumbelSoftmax(0.6, torch.tensor([0.8, 0.0])).sample((SAMPLES,), generator=generator())[:, 0]
    for level in (0.1, 0.5, 0.9):
        below = torch.sigmoid(torch.tensor(0.6 * math.log(level / (1 - level)) - 0.8)).item()
        assert (y < level).double().mean().item() == pytest.approx(below, abs=5e-3)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
def test_the_largest_entry_does_not_know_the_temperature(temperature):
    soft = GumbelSoftmax(temperature, LOGITS).sample((1000,), generator=generator())
    torch.testing.assert_close(soft.sum(-1), torch.ones(1000, dtype=torch.float64))
    assert torch.equal(one_hot(soft), gumbel_max(LOGITS, (1000,), generator=generator()))


def test_limits_of_the_temperature():
    cold = GumbelSoftmax(0.001, LOGITS).sample((2000,), generator=generator())
    assert (cold.max(-1).values > 0.999).double().mean() > 0.99
    warm = GumbelSoftmax(1000.0, LOGITS).sample((2000,), generator=generator())
    torch.testing.assert_close(warm, torch.full_like(warm, 1 / 3), rtol=0, atol=0.01)
    with pytest.raises(ValueError, match="temperature must be positive"):
        GumbelSoftmax(0.0, LOGITS)


def test_straight_through_has_the_value_of_one_and_the_gradient_of_the_other():
    logits = LOGITS.clone().requires_grad_()
    soft = logits.softmax(0)
    hard = straight_through(one_hot(soft), soft)
    torch.testing.assert_close(hard, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    weights = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    (passed,) = torch.autograd.grad((hard * weights).sum(), logits, retain_graph=True)
    (wanted,) = torch.autograd.grad((soft * weights).sum(), logits)
    torch.testing.assert_close(passed, wanted)


def test_the_exact_gradient_is_autograds():
    logits = LOGITS.clone().requires_grad_()
    (logits.softmax(0) * bowl(torch.eye(3, dtype=torch.float64))).sum().backward()
    torch.testing.assert_close(exact_gradient(bowl, LOGITS), logits.grad)


def test_score_functions_are_unbiased_with_any_baseline():
    truth = exact_gradient(bowl, LOGITS)
    plain = score_function_gradient(bowl, LOGITS, SAMPLES, generator=generator())
    mean = (LOGITS.softmax(0) * bowl(torch.eye(3).double())).sum()
    lowered = score_function_gradient(bowl, LOGITS, SAMPLES, baseline=mean, generator=generator())
    grouped = leave_one_out_gradient(bowl, LOGITS, SAMPLES // 4, 4, generator=generator())
    for estimates in (plain, lowered, grouped):
        assert_mean(estimates, truth)
    assert lowered.var(0).sum() < plain.var(0).sum()


def test_leave_one_out_is_unbiased_by_enumeration_of_all_draws():
    probabilities, every = LOGITS.softmax(0), torch.eye(3, dtype=torch.float64)
    total = torch.zeros(3, dtype=torch.float64)
    for chosen in itertools.product(range(3), repeat=3):
        y = every[list(chosen)]  # (3, 3): three draws
        estimate = (leave_one_out(bowl(y)).unsqueeze(-1) * (y - probabilities)).mean(0)
        total += probabilities[list(chosen)].prod() * estimate
    torch.testing.assert_close(total, exact_gradient(bowl, LOGITS))


def test_leave_one_out_by_hand():
    torch.testing.assert_close(leave_one_out(torch.tensor([1.0, 2.0, 6.0])), torch.tensor([-3.0, -1.5, 4.5]))
    with pytest.raises(ValueError, match="at least 2"):
        leave_one_out_gradient(bowl, LOGITS, 10, 1)


def expected_relaxed_gradient(a: float, temperature: float, slope: tuple[float, float], hard: bool) -> float:
    """For two categories with logits (a, 0) by quadrature over logistic noise; f = slope_1 y_1 + slope_2 y_1^2 / 2."""
    noise = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    density = torch.sigmoid(noise) * torch.sigmoid(-noise)
    y = torch.sigmoid((a + noise) / temperature)
    at = (a + noise > 0).double() if hard else y
    return torch.trapezoid(density * (slope[0] + slope[1] * at) * y * (1 - y) / temperature, noise).item()


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_relaxed_gradients_have_the_mean_that_quadrature_gives(hard, temperature):
    logits = torch.tensor([0.4, 0.0], dtype=torch.float64)

    def f(y):
        return 0.7 * y[..., 0] + y[..., 0].square()

    estimates = relaxed_gradient(f, logits, temperature, SAMPLES, hard=hard, generator=generator())
    assert estimates.shape == (SAMPLES, 2)
    wanted = expected_relaxed_gradient(0.4, temperature, (0.7, 2.0), hard)
    assert_mean(estimates, torch.tensor([wanted, -wanted]))


def test_relaxed_gradients_approach_the_truth_as_the_temperature_falls():
    """The bias for a differentiable f and two categories, by quadrature."""
    truth = torch.sigmoid(torch.tensor(0.4)) * torch.sigmoid(torch.tensor(-0.4)) * 1.7
    biases = [abs(expected_relaxed_gradient(0.4, t, (0.7, 2.0), hard=False) - truth) for t in (1.0, 0.5, 0.1)]
    assert biases[0] > biases[1] > biases[2]
    assert biases[2] < 0.01

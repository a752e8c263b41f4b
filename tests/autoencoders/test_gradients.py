"""Both gradient estimators against closed forms and quadrature, and their variances against exact formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from coursekit.autoencoders.gradients import pathwise_gradient, score_function_gradient

MEAN, SCALE = torch.tensor([0.7, -0.4, 1.1]), torch.tensor([0.5, 1.0, 0.8])
SAMPLES = 400_000


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def square(z: Tensor) -> Tensor:
    return z.square().sum(-1)


def assert_unbiased(estimates: Tensor, exact: Tensor) -> None:
    standard_error = estimates.std(0) / math.sqrt(len(estimates))
    assert ((estimates.mean(0) - exact).abs() < 5 * standard_error + 1e-6).all()


@pytest.mark.parametrize("estimator", [score_function_gradient, pathwise_gradient])
def test_both_are_unbiased_for_a_quadratic(estimator):
    """E[|z|^2] = |mean|^2 + |scale|^2, so the gradient is 2 mean."""
    estimates = estimator(square, MEAN, SCALE, SAMPLES, generator=generator())
    assert estimates.shape == (SAMPLES, 3)
    assert_unbiased(estimates, 2 * MEAN)


@pytest.mark.parametrize("estimator", [score_function_gradient, pathwise_gradient])
def test_both_are_unbiased_for_a_bounded_wave(estimator):
    """E[sin(3 z)] = sin(3 mean) exp(-9 scale^2 / 2): the gradient by hand."""
    estimates = estimator(lambda z: torch.sin(3 * z).sum(-1), MEAN, SCALE, SAMPLES, generator=generator())
    assert_unbiased(estimates, 3 * torch.cos(3 * MEAN) * torch.exp(-4.5 * SCALE**2))


def test_variances_of_the_quadratic_are_those_worked_out_by_hand():
    """Pathwise: 2 z_d has variance 4 scale^2. Score function at mean 0, scale 1, D dimensions: D^2 + 6 D + 8."""
    pathwise = pathwise_gradient(square, MEAN, SCALE, SAMPLES, generator=generator())
    torch.testing.assert_close(pathwise.var(0), 4 * SCALE**2, rtol=0.02, atol=0)
    for dimensions in (1, 4, 10):
        estimates = score_function_gradient(
            square, torch.zeros(dimensions), torch.ones(dimensions), SAMPLES, generator=generator()
        )
        exact = dimensions**2 + 6 * dimensions + 8
        assert estimates.var(0).mean().item() == pytest.approx(exact, rel=0.1)


def test_a_baseline_keeps_the_mean_and_lowers_the_variance():
    plain = score_function_gradient(square, MEAN, SCALE, SAMPLES, generator=generator())
    lowered = score_function_gradient(square, MEAN, SCALE, SAMPLES, baseline=3.75, generator=generator())
    assert_unbiased(lowered, 2 * MEAN)
    assert (lowered.var(0) < plain.var(0)).all()


def test_a_step_has_a_gradient_that_only_the_score_function_sees():
    """E[1(z > 0)] = Phi(mean / scale), whose derivative is the normal density at zero."""

    def step(z: Tensor) -> Tensor:
        return (z > 0).float().sum(-1) + 0 * z.sum(-1)  # the second term keeps z in the graph

    exact = torch.exp(-0.5 * (MEAN / SCALE) ** 2) / (SCALE * math.sqrt(2 * math.pi))
    assert_unbiased(score_function_gradient(step, MEAN, SCALE, SAMPLES, generator=generator()), exact)
    assert (pathwise_gradient(step, MEAN, SCALE, SAMPLES, generator=generator()) == 0).all()

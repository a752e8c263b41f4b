"""Diagonal distributions against torch's own, and their draws against their density."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, MultivariateNormal, kl_divergence

from coursekit.distributions import DiagonalBernoulli, DiagonalGaussian


@pytest.fixture
def gaussian() -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(3, 2, generator=generator)
    return DiagonalGaussian(mean, torch.rand(3, 2, generator=generator) + 0.2)


def test_density_is_that_of_a_full_gaussian_with_a_diagonal_covariance(gaussian):
    full = MultivariateNormal(gaussian.mean, torch.diag_embed(gaussian.scale**2))
    x = torch.randn(5, 3, 2)
    torch.testing.assert_close(gaussian.log_prob(x), full.log_prob(x))
    torch.testing.assert_close(gaussian.entropy(), full.entropy())
    assert gaussian.batch_shape == (3,) and gaussian.event_shape == (2,)


def test_kl_is_that_of_full_gaussians(gaussian):
    standard = DiagonalGaussian(torch.zeros(2), torch.ones(2))
    full = MultivariateNormal(gaussian.mean, torch.diag_embed(gaussian.scale**2))
    expected = kl_divergence(full, MultivariateNormal(torch.zeros(2), torch.eye(2)))
    torch.testing.assert_close(kl_divergence(gaussian, standard), expected)


def test_draws_have_the_mean_and_the_scale(gaussian):
    n = 200_000
    draws = gaussian.sample((n,), generator=torch.Generator().manual_seed(1))
    assert draws.shape == (n, 3, 2)
    assert ((draws.mean(0) - gaussian.mean).abs() < 5 * gaussian.scale / math.sqrt(n)).all()
    assert ((draws.std(0) / gaussian.scale - 1).abs() < 5 / math.sqrt(2 * n)).all()


def test_draws_come_from_the_callers_generator_and_carry_gradients():
    mean, scale = torch.zeros(4, requires_grad=True), torch.ones(4, requires_grad=True)
    q = DiagonalGaussian(mean, scale)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    z = q.rsample((3,), generator=torch.Generator().manual_seed(7))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(z, q.sample((3,), generator=torch.Generator().manual_seed(7)))
    z.sum().backward()
    torch.testing.assert_close(mean.grad, torch.full((4,), 3.0))
    torch.testing.assert_close(scale.grad, z.detach().sum(0))
    assert not q.sample().requires_grad


def test_expanding_repeats_the_distribution(gaussian):
    wide = gaussian.expand((5, 3))
    x = torch.randn(5, 3, 2)
    torch.testing.assert_close(wide.log_prob(x), gaussian.log_prob(x))
    assert wide.sample().shape == (5, 3, 2)
    bernoulli = DiagonalBernoulli(torch.randn(3, 2))
    assert bernoulli.expand((5, 3)).sample().shape == (5, 3, 2)


def test_bernoulli_against_torch():
    logits = torch.randn(3, 1, 4, 4) * 3
    ours, torchs = DiagonalBernoulli(logits, event_dims=3), Independent(Bernoulli(logits=logits), 3)
    x = (torch.rand(6, 3, 1, 4, 4) < 0.5).float()
    torch.testing.assert_close(ours.log_prob(x), torchs.log_prob(x))
    torch.testing.assert_close(ours.mean, torchs.mean)
    assert ours.log_prob(x).shape == (6, 3)


def test_bernoulli_frequencies():
    logits = torch.linspace(-3, 3, 7)
    n = 100_000
    draws = DiagonalBernoulli(logits).sample((n,), generator=torch.Generator().manual_seed(2))
    p = logits.sigmoid()
    assert ((draws.mean(0) - p).abs() < 5 * (p * (1 - p) / n).sqrt()).all()
    assert draws.unique().tolist() == [0.0, 1.0]


def test_extreme_logits_do_not_overflow():
    p = DiagonalBernoulli(torch.tensor([1000.0, -1000.0]))
    assert p.log_prob(torch.tensor([1.0, 0.0])).item() == 0.0
    assert p.log_prob(torch.tensor([0.0, 0.0])).item() == -1000.0


def test_grey_values_are_refused():
    with pytest.raises(ValueError, match="value must be binary .* between 0 and 0.5"):
        DiagonalBernoulli(torch.zeros(2)).log_prob(torch.tensor([0.0, 0.5]))

"""The VAE against a model in which everything is known: linear, Gaussian, log p(x) in closed form.

z ~ N(0, I), x given z ~ N(W z + b, s^2 I), so x ~ N(b, W W^T + s^2 I), and the posterior is N(m(x), S) with
S = (I + W^T W / s^2)^-1 and m(x) = S W^T (x - b) / s^2. The columns of W are orthogonal here, so S is diagonal and the
encoder, which is linear with a constant log-variance, can be exactly right.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from coursekit.autoencoders import VAE, GaussianLikelihood
from coursekit.distributions import DiagonalGaussian

SCALE = 0.5


class LinearEncoder(nn.Module):
    """q(z given x) = N(A (x - b), diag(variance))."""

    def __init__(self, weight: Tensor, bias: Tensor, log_variance: Tensor) -> None:
        super().__init__()
        self.weight, self.bias, self.log_variance = (nn.Parameter(t.contiguous()) for t in (weight, bias, log_variance))

    def forward(self, x: Tensor) -> Tensor:
        mean = (x - self.bias) @ self.weight.T
        return torch.cat([mean, self.log_variance.expand_as(mean)], dim=-1)


@pytest.fixture
def model() -> VAE:
    """A linear-Gaussian VAE in float64 whose encoder is the exact posterior."""
    generator = torch.Generator().manual_seed(0)
    orthogonal = torch.linalg.qr(torch.randn(5, 2, generator=generator, dtype=torch.float64)).Q
    weight = orthogonal * torch.tensor([2.0, 0.7], dtype=torch.float64)  # (5, 2)
    bias = torch.randn(5, generator=generator, dtype=torch.float64)
    decoder = nn.Linear(2, 5, dtype=torch.float64)
    decoder.weight, decoder.bias = nn.Parameter(weight.contiguous()), nn.Parameter(bias)
    posterior_variance = 1 / (1 + weight.square().sum(0) / SCALE**2)  # (2,)
    encoder = LinearEncoder(posterior_variance[:, None] * weight.T / SCALE**2, bias.clone(), posterior_variance.log())
    return VAE(2, encoder, decoder, GaussianLikelihood(SCALE)).double()


@pytest.fixture
def x(model) -> Tensor:
    return model.sample(7, generator=torch.Generator().manual_seed(1)).detach()


def marginal(model: VAE) -> MultivariateNormal:
    weight, bias = model.decoder.weight, model.decoder.bias
    return MultivariateNormal(bias, weight @ weight.T + SCALE**2 * torch.eye(5, dtype=torch.float64))


def spoil(model: VAE) -> None:
    """Make q wrong: shifted and too wide."""
    with torch.no_grad():
        model.encoder.bias += 0.3
        model.encoder.log_variance += 0.5


def test_with_the_exact_posterior_every_bound_is_log_p(model, x):
    log_p = marginal(model).log_prob(x)
    # With q equal to the posterior the importance weight is p(x) for every z: no sampling error at all.
    for samples in (1, 2, 60):
        torch.testing.assert_close(model.importance_log_prob(x, samples), log_p, rtol=0, atol=1e-6)
    generator = torch.Generator().manual_seed(2)
    draws = model.elbo(x.repeat(4000, 1), generator=generator).view(4000, 7)
    standard_error = draws.std(0) / math.sqrt(4000)
    assert ((draws.mean(0) - log_p).abs() < 5 * standard_error).all()


def test_the_gap_of_the_elbo_is_the_kl_to_the_posterior(model, x):
    exact_posterior = model.encode(x)
    spoil(model)
    gap = kl_divergence(model.encode(x), exact_posterior)  # (7,)
    draws = model.elbo(x, samples=40_000, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(marginal(model).log_prob(x) - draws, gap, rtol=0, atol=0.05)
    assert (gap > 0.2).all()


def test_bounds_are_ordered_and_tighten(model, x):
    """elbo = bound of one sample <= bound of k <= log p, in expectation."""
    spoil(model)
    rows = x.repeat(3000, 1)
    generator = torch.Generator().manual_seed(4)
    means = [model.elbo(rows, generator=generator).view(3000, 7).mean(0)]
    for samples in (1, 5, 50):
        means.append(model.importance_log_prob(rows, samples, generator=generator).view(3000, 7).mean(0))
    log_p = marginal(model).log_prob(x)
    torch.testing.assert_close(means[0], means[1], rtol=0, atol=0.1)
    assert (means[1] < means[2]).all()
    assert (means[2] < means[3]).all()
    assert (means[3] < log_p + 0.01).all()
    torch.testing.assert_close(means[3], log_p, rtol=0, atol=0.05)


def test_elbo_terms_against_torch_distributions(model, x):
    spoil(model)
    q, prior = model.encode(x), model.prior
    torch_q = Independent(Normal(q.mean, q.scale), 1)
    torch_prior = Independent(Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean)), 1)
    expected_log_likelihood, kl = model.elbo_terms(x, samples=30_000, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(kl, kl_divergence(torch_q, torch_prior))
    torch.testing.assert_close(kl, -0.5 * (1 + 2 * q.scale.log() - q.mean**2 - q.scale**2).sum(-1))
    # E_q log N(x; W z + b, s^2 I) in closed form: the squared error of the mean plus the trace that q's width adds.
    weight, bias = model.decoder.weight, model.decoder.bias
    squared = (x - q.mean @ weight.T - bias).square().sum(-1) + (q.scale**2 @ weight.square().T).sum(-1)
    constant = 5 * math.log(SCALE * math.sqrt(2 * math.pi))
    exact = -squared / (2 * SCALE**2) - constant
    torch.testing.assert_close(expected_log_likelihood, exact, rtol=0, atol=0.06)
    assert prior.log_prob(torch.zeros(2, dtype=torch.float64)).item() == pytest.approx(-math.log(2 * math.pi))


def test_gradients_by_reparameterisation_against_finite_differences(model, x):
    """The same noise at both ends of each difference: then the estimate is a smooth function of the parameters."""
    spoil(model)

    def estimate() -> Tensor:
        return model.elbo(x, samples=3, generator=torch.Generator().manual_seed(6)).sum()

    estimate().backward()
    step = 1e-6
    for parameter in (model.encoder.weight, model.encoder.log_variance, model.decoder.weight):
        difference = torch.zeros_like(parameter)
        for index in range(parameter.numel()):
            with torch.no_grad():
                parameter.view(-1)[index] += step
                above = estimate()
                parameter.view(-1)[index] -= 2 * step
                below = estimate()
                parameter.view(-1)[index] += step
            difference.view(-1)[index] = (above - below) / (2 * step)
        torch.testing.assert_close(parameter.grad, difference, rtol=1e-5, atol=1e-5)


def test_pathwise_gradient_is_the_gradient_of_the_closed_form(model, x):
    """Averaged over draws, it is the derivative of E_q log p(x given z) - KL(q, prior) worked out by hand."""
    spoil(model)
    model.elbo(x, samples=200_000, generator=torch.Generator().manual_seed(7)).sum().backward()
    estimated = model.encoder.log_variance.grad.clone()
    weight = model.decoder.weight.detach()
    variance = model.encoder.log_variance.detach().exp()
    by_hand = 7 * (-0.5 * variance * weight.square().sum(0) / SCALE**2 + 0.5 * (1 - variance))
    torch.testing.assert_close(estimated, by_hand, rtol=0, atol=0.05)


def test_importance_bound_does_not_depend_on_the_batch(model, x):
    """Rows are independent: one row alone, under the same noise, gives the same value."""
    spoil(model)
    alone = model.importance_log_prob(x[:1], 120, generator=torch.Generator().manual_seed(8))
    again = model.importance_log_prob(x[:1], 120, generator=torch.Generator().manual_seed(8))
    assert torch.equal(alone, again)
    zero_noise = DiagonalGaussian(torch.zeros(3, 2), torch.zeros(3, 2))
    assert torch.equal(zero_noise.rsample(), torch.zeros(3, 2))

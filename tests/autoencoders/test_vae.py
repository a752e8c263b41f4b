"""The VAE on images: exact sums over small spaces, the mistakes that others make, quadrature."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from coursekit.autoencoders import (
    VAE,
    BernoulliLikelihood,
    ConvDecoder,
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    GaussianLikelihood,
)
from coursekit.distributions import DiagonalBernoulli

SMALL = (1, 3, 3)


def every_binary_image() -> torch.Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=9))).view(512, *SMALL)


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(1, DenseEncoder(2, hidden=8, image_shape=SMALL), DenseDecoder(1, hidden=8, image_shape=SMALL))


def log_prob_by_quadrature(model: VAE, x: torch.Tensor) -> torch.Tensor:
    """log of the integral of p(x given z) p(z) over a one-dimensional z, by the trapezoid rule."""
    grid = torch.linspace(-8, 8, 4001)
    joint = model.decode(grid[:, None, None]).log_prob(x) + model.prior.log_prob(grid[:, None])[:, None]  # (4001, B)
    return joint.logsumexp(0) + math.log(16 / 4000)


@torch.no_grad()
def test_importance_bound_reaches_the_marginal_found_by_quadrature(model):
    x = every_binary_image()
    exact = log_prob_by_quadrature(model, x)
    assert exact.logsumexp(0).item() == pytest.approx(0.0, abs=1e-4)  # probabilities of all images sum to one
    bound = model.importance_log_prob(x, 5000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(bound, exact, rtol=0, atol=0.1)
    elbo = model.elbo(x, samples=2000, generator=torch.Generator().manual_seed(1))
    assert (elbo < exact + 0.05).all()


@torch.no_grad()
def test_samples_follow_the_marginal(model):
    """Frequencies of the 512 images among 200,000 draws, by a chi-squared statistic."""
    with torch.no_grad():  # a model further from uniform than its initialisation
        for parameter in model.decoder.parameters():
            parameter.mul_(3)
    n = 200_000
    draws = model.sample(n, generator=torch.Generator().manual_seed(0)).flatten(1)
    index = (draws @ (2.0 ** torch.arange(8, -1, -1))).long()
    expected = n * log_prob_by_quadrature(model, every_binary_image()).exp()
    observed = torch.bincount(index, minlength=512)
    statistic = ((observed - expected) ** 2 / expected).sum().item()
    assert abs(statistic - 511) < 5 * math.sqrt(2 * 511)


@torch.no_grad()
def test_terms_are_summed_over_pixels_and_latents_never_averaged():
    """The reconstruction term of a 28 x 28 image and the KL of 20 latents, worked out term by term."""
    torch.manual_seed(0)
    model = VAE(20)
    x = (torch.rand(4, 1, 28, 28) < 0.3).float()
    generator = torch.Generator().manual_seed(1)
    reconstruction, kl = model.elbo_terms(x, generator=generator)
    mean, log_variance = model.encoder(x).chunk(2, -1)
    noise = torch.randn(1, 4, 20, generator=torch.Generator().manual_seed(1))[0]
    probability = model.decoder(mean + (0.5 * log_variance).exp() * noise).sigmoid()
    for i in range(4):
        terms = [
            math.log(p if pixel else 1 - p)
            for p, pixel in zip(probability[i].flatten().tolist(), x[i].flatten(), strict=True)
        ]
        assert reconstruction[i].item() == pytest.approx(sum(terms), rel=1e-5)
        by_hand = sum(
            -0.5 * (1 + lv - m * m - math.exp(lv))
            for m, lv in zip(mean[i].tolist(), log_variance[i].tolist(), strict=True)
        )
        assert kl[i].item() == pytest.approx(by_hand, rel=1e-4, abs=1e-6)


def test_beta_weighs_the_loss_and_not_the_bound():
    torch.manual_seed(0)
    model = VAE(2, beta=4.0)
    x = (torch.rand(8, 1, 28, 28) < 0.3).float()
    torch.manual_seed(1)
    loss = model.loss(x)
    torch.manual_seed(1)
    reconstruction, kl = model.elbo_terms(x)
    assert loss.item() == pytest.approx((4 * kl - reconstruction).mean().item(), rel=1e-6)
    torch.manual_seed(1)
    assert model.elbo(x).mean().item() == pytest.approx((reconstruction - kl).mean().item(), rel=1e-6)


def test_grey_images_under_a_bernoulli_are_refused(model):
    with pytest.raises(ValueError, match="must be binary .* grey values between 0.5 and 0.5.*binarise"):
        model.elbo(torch.full((2, *SMALL), 0.5))


@torch.no_grad()
@pytest.mark.parametrize("scale", [None, 0.3])
def test_gaussian_likelihood_integrates_to_one(scale):
    """A density has its constant: the integral over one pixel is one."""
    likelihood = GaussianLikelihood(scale)
    pixel = torch.linspace(-6, 6, 20001)
    density = likelihood(torch.full((20001, 1), 0.4), event_dims=1).log_prob(pixel[:, None]).exp()
    assert torch.trapezoid(density, pixel).item() == pytest.approx(1.0, abs=1e-4)
    assert any(p.requires_grad for p in likelihood.parameters()) == (scale is None)


def test_the_learnt_scale_finds_the_noise_of_the_data():
    """Its optimum given the means is the root mean squared error; and it stops at the floor of 8-bit data."""
    torch.manual_seed(0)
    likelihood = GaussianLikelihood()
    noise = 0.12 * torch.randn(2000, 4)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.02)
    for _ in range(500):
        optimizer.zero_grad()
        (-likelihood(torch.zeros_like(noise), event_dims=1).log_prob(noise).mean()).backward()
        optimizer.step()
    assert likelihood.scale.item() == pytest.approx(noise.square().mean().sqrt().item(), rel=1e-2)
    with torch.no_grad():
        likelihood.log_scale.fill_(-20.0)
    assert likelihood.scale.item() == pytest.approx(1 / 256)


def test_scale_must_be_positive():
    with pytest.raises(ValueError, match="scale must be positive, was -1"):
        GaussianLikelihood(-1)


@torch.no_grad()
def test_active_units_are_those_whose_mean_moves():
    class TwoOfThree(nn.Module):
        def forward(self, x):
            rows = x.flatten(1)
            mean = torch.stack([rows[:, 0], 0.5 * rows[:, 1], 0.05 * rows[:, 2]], dim=1)
            return torch.cat([mean, torch.zeros_like(mean)], dim=1)

    x = torch.randn(5000, *SMALL, generator=torch.Generator().manual_seed(0))
    model = VAE(3, TwoOfThree(), DenseDecoder(3, image_shape=SMALL))
    assert model.active_units(x).tolist() == [True, True, False]


@torch.no_grad()
@pytest.mark.parametrize("image_shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_convolutional_networks_fit_together(image_shape):
    model = VAE(
        5, ConvEncoder(10, image_shape=image_shape), ConvDecoder(5, image_shape=image_shape), GaussianLikelihood()
    )
    x = torch.rand(2, *image_shape)
    assert model.elbo(x, samples=3).shape == (2,)
    assert model.sample(4).shape == (4, *image_shape)
    assert model.decode(torch.randn(6, 2, 5)).mean.shape == (6, 2, *image_shape)


def test_sizes_that_cannot_be_halved_twice_are_named():
    with pytest.raises(ValueError, match="multiples of 4, were 30 and 28"):
        ConvEncoder(2, image_shape=(1, 30, 28))


@torch.no_grad()
def test_results_do_not_depend_on_the_batch_size(model):
    """Means of q, of p(x given z) and the exact KL: row by row or all at once."""
    x = every_binary_image()[:64]
    _, kl = model.elbo_terms(x)
    one_by_one = torch.cat([model.elbo_terms(row[None])[1] for row in x])
    torch.testing.assert_close(kl, one_by_one)


def test_bernoulli_likelihood_gives_logits_one_meaning():
    """The sigmoid is applied once: a logit of zero is a probability of one half."""
    p = BernoulliLikelihood()(torch.zeros(1, *SMALL), event_dims=3)
    assert isinstance(p, DiagonalBernoulli)
    assert p.mean.unique().item() == 0.5
    assert p.log_prob(torch.ones(1, *SMALL)).item() == pytest.approx(9 * math.log(0.5))

"""The affine generator against torch's multivariate normal, finite sums and its own gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

import coursekit as ck
from coursekit.generators import AffineGenerator


@pytest.fixture
def model() -> AffineGenerator:
    model = AffineGenerator(3).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def points(n: int = 400, seed: int = 1) -> torch.Tensor:
    z = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return z @ torch.tensor([[1.0, 0.3, 0.0], [0.5, 0.2, 0.1], [0.0, 2.0, 0.4]]).double() + 5


def test_it_starts_at_the_standard_normal():
    model = AffineGenerator(2)
    assert torch.equal(model.scale_tril, torch.eye(2))
    assert model.log_prob(torch.zeros(1, 2)).item() == pytest.approx(-math.log(2 * math.pi))


def test_the_factor_is_lower_triangular_with_a_positive_diagonal(model):
    assert torch.equal(model.scale_tril, model.scale_tril.tril())
    assert (model.scale_tril.diagonal() > 0).all()
    torch.testing.assert_close(torch.linalg.cholesky(model.covariance), model.scale_tril)


def test_its_density_is_torchs(model):
    truth = MultivariateNormal(model.mean, model.covariance)
    torch.testing.assert_close(model.log_prob(points()), truth.log_prob(points()))


def test_the_inverse_undoes_the_layer(model):
    z = torch.randn(4, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(model.inverse(model(z)), z)


def test_samples_have_the_mean_and_the_covariance(model):
    x = model.sample(200_000, generator=torch.Generator().manual_seed(0))
    assert x.shape == (200_000, 3)
    error = (model.covariance.diagonal() / len(x)).sqrt()
    assert ((x.mean(0) - model.mean).abs() < 5 * error).all()
    torch.testing.assert_close(x.T.cov(), model.covariance, rtol=0.03, atol=0.03)
    assert torch.equal(x[:10], model.sample(200_000, generator=torch.Generator().manual_seed(0))[:10])


def test_the_closed_form_has_no_slope_left():
    model = AffineGenerator(3).double()
    assert model.fit(points()) is model
    gradients = torch.autograd.grad(model.loss(points()), list(model.parameters()))
    for gradient in gradients:
        assert gradient.abs().max() < 1e-10
    torch.testing.assert_close(model.covariance, points().T.cov(correction=0))


def test_gradients_reach_the_closed_form():
    x = points(200).float() - 5
    exact, trained = AffineGenerator(3).fit(x), AffineGenerator(3)
    trained.learning_rate = 0.05
    ck.fit(trained, x, epochs=150, batch_size=200, progress=False)
    assert trained.log_prob(x).mean().item() == pytest.approx(exact.log_prob(x).mean().item(), abs=1e-3)
    assert exact.log_prob(x).mean() >= trained.log_prob(x).mean() - 1e-6


def test_points_on_a_line_are_refused():
    x = points()
    x[:, 2] = 2 * x[:, 0]
    with pytest.raises(ValueError, match="full rank"):
        AffineGenerator(3).fit(x)
    with pytest.raises(ValueError, match=r"shape \(N, 2\)"):
        AffineGenerator(2).fit(x)

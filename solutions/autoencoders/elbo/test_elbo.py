"""Graded tests of `autoencoders/elbo`. The decoders are functions of the tests' own; the student's code calls them."""

import numpy as np
import pytest


def encoder_outputs(rng, batch, latents, dtype):
    """Mean, log-variance and noise, (B, L) each."""
    mean, noise = rng.normal(size=(2, batch, latents)).astype(dtype)
    return mean, rng.uniform(-3, 1, size=(batch, latents)).astype(dtype), noise


def bernoulli_decoder(rng, batch, latents, pixels, dtype):
    """log p(x_i given z) of every pixel of fixed images x, for z of shape (B, L); returns (B, pixels)."""
    weights = rng.normal(size=(latents, pixels)).astype(dtype)
    x = rng.integers(0, 2, size=(batch, pixels)).astype(dtype)

    def log_likelihood(z):
        logits = z @ weights
        return x * logits - np.logaddexp(0, logits)

    return log_likelihood


def log_normal(x, mean, variance):
    return -0.5 * ((x - mean) ** 2 / variance + np.log(2 * np.pi * variance))


def kl_to_the_prior(mean, log_variance):
    """KL(q, N(0, I)), (B,): log q - log p is quadratic, and three Gauss-Hermite nodes integrate it exactly."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    variance = np.exp(log_variance.astype("f8"))
    z = mean + np.sqrt(variance) * nodes[:, None, None]  # (3, B, L)
    log_ratio = log_normal(z, mean, variance) - log_normal(z, 0.0, 1.0)
    return np.tensordot(weights / weights.sum(), log_ratio, axes=1).sum(-1)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-9), ("f4", 1e-4)])
def test_elbo(student, rng, dtype, rtol):
    batch, latents, pixels = 5, 3, 40
    mean, log_variance, noise = encoder_outputs(rng, batch, latents, dtype)
    log_likelihood = bernoulli_decoder(rng, batch, latents, pixels, dtype)
    z = mean + np.sqrt(np.exp(log_variance)) * noise
    exact = log_likelihood(z).astype("f8").sum(-1) - kl_to_the_prior(mean, log_variance)
    answer = student.elbo(mean, log_variance, noise, log_likelihood)
    np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(2)
def test_it_is_log_p_of_x_at_the_true_posterior(student, rng):
    """A linear Gaussian decoder with one code: the posterior is known, and noise of +-1 integrates the quadratic."""
    batch, pixels = 4, 6
    weights = rng.normal(size=(1, pixels))
    x = rng.normal(size=(batch, pixels))
    precision = 1.0 + (weights**2).sum()
    mean = x @ weights.T / precision  # (B, 1)
    log_variance = np.full((batch, 1), -np.log(precision))

    def log_likelihood(z):
        return log_normal(x, z @ weights, 1.0)

    covariance = np.eye(pixels) + weights.T @ weights
    exact = -0.5 * ((x * np.linalg.solve(covariance, x.T).T).sum(-1) + np.linalg.slogdet(2 * np.pi * covariance)[1])
    answers = [student.elbo(mean, log_variance, np.full((batch, 1), sign), log_likelihood) for sign in (-1.0, 1.0)]
    np.testing.assert_allclose(np.mean(answers, axis=0), exact, rtol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_bound(student, rng):
    log_weights = rng.normal(size=(7, 5))
    exact = np.log(np.exp(log_weights).mean(0))
    np.testing.assert_allclose(
        student.importance_weighted_bound(log_weights), exact, rtol=1e-9, atol=1e-12, strict=True
    )


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_sample(student, rng):
    log_weights = rng.normal(size=(1, 4)).astype("f4")
    answer = student.importance_weighted_bound(log_weights)
    np.testing.assert_allclose(answer, log_weights[0], rtol=1e-5, atol=1e-6, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-12), ("f4", 1e-6)])
def test_huge_and_tiny_weights(student, rng, dtype, rtol):
    """Both in one batch: each example needs a reference of its own."""
    small = rng.normal(size=(6, 4))
    offsets = np.array([1000.0, -1000.0, 0.0, -5000.0])
    exact = np.log(np.exp(small).mean(0)) + offsets
    answer = student.importance_weighted_bound((small + offsets).astype(dtype))
    np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, atol=1e-5, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_weights_of_zero_count(student, rng):
    """A sample that cannot have made x has the log-weight -inf. It adds nothing, and it is counted."""
    log_weights = rng.uniform(-990, -980, size=(8, 3))
    shift = log_weights[:4].max(0)
    exact = np.log(np.exp(log_weights[:4] - shift).sum(0)) + shift - np.log(8)
    log_weights[4:] = -np.inf
    np.testing.assert_allclose(student.importance_weighted_bound(log_weights), exact, rtol=1e-12, strict=True)

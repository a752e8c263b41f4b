"""Graded tests of `density/kl-divergence`. The right values come from quadrature, never from the formula asked for."""

import itertools

import numpy as np
import pytest


def factor(rng, *shape):
    """A lower triangular matrix with a positive diagonal, shape (*shape)."""
    below = np.tril(rng.normal(size=shape), k=-1)
    return below + np.eye(shape[-1]) * np.exp(rng.uniform(-0.7, 0.7, size=shape[:-1]))[..., None]


def gaussians(rng, *batch, dimensions):
    """Mean and factor of p, mean and factor of q."""
    means = rng.uniform(-2, 2, size=(2, *batch, dimensions))
    factors = factor(rng, 2, *batch, dimensions, dimensions)
    return means[0], factors[0], means[1], factors[1]


def log_density(x, mean, factor):
    """log N(x; mean, factor factor^T) for x of shape (S, D), by way of the covariance."""
    covariance = factor @ factor.T
    excess = x - mean
    quadratic = (excess * np.linalg.solve(covariance, excess.T).T).sum(-1)
    return -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1])


def log_ratio(mean_p, factor_p, mean_q, factor_q, noise):
    """log p - log q at the points mean_p + factor_p noise, shape (S,)."""
    x = mean_p + noise @ factor_p.T
    return log_density(x, mean_p, factor_p) - log_density(x, mean_q, factor_q)


def divergence(mean_p, factor_p, mean_q, factor_q):
    """KL(p || q): the log-ratio is quadratic, and three Gauss-Hermite nodes an axis integrate it exactly."""
    if mean_p.ndim > 1:
        return np.array([divergence(*each) for each in zip(mean_p, factor_p, mean_q, factor_q, strict=True)])
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    dimensions = len(mean_p)
    noise = np.array(list(itertools.product(nodes, repeat=dimensions)))
    weight = np.array([np.prod(w) for w in itertools.product(weights / weights.sum(), repeat=dimensions)])
    return weight @ log_ratio(mean_p, factor_p, mean_q, factor_q, noise)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_pair(student, rng):
    pair = gaussians(rng, dimensions=3)
    np.testing.assert_allclose(student.gaussian_kl(*pair), divergence(*pair), rtol=1e-8, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_batches(student, rng):
    pairs = gaussians(rng, 4, 3, dimensions=2)
    np.testing.assert_allclose(student.gaussian_kl(*pairs), divergence(*pairs), rtol=1e-8, strict=True)
    pairs = [a.astype("f4") for a in gaussians(rng, 5, dimensions=1)]
    exact = divergence(*(a.astype("f8") for a in pairs)).astype("f4")
    np.testing.assert_allclose(student.gaussian_kl(*pairs), exact, rtol=1e-3, atol=1e-4, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_many_dimensions(student, rng):
    """The determinants are far below the smallest number: 400 dimensions, each some thousandths wide."""
    dimensions = 400
    common = np.eye(dimensions) + np.tril(rng.normal(size=(dimensions, dimensions)), k=-1) / dimensions
    width_p, width_q = rng.uniform(1e-3, 2e-3, size=2)
    shift = rng.normal(size=dimensions) * width_q
    exact = dimensions * (np.log(width_q / width_p) + (width_p / width_q) ** 2 / 2 - 0.5)
    exact += (shift**2).sum() / width_q**2 / 2
    mean_p = rng.normal(size=dimensions)
    answer = student.gaussian_kl(mean_p, common * width_p, mean_p + common @ shift, common * width_q)
    np.testing.assert_allclose(answer, exact, rtol=1e-6, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_nearly_dependent_coordinates(student, rng):
    """A shear changes both Gaussians and not their divergence; the covariance then has no inverse in float64."""
    pairs = [np.round(a * 64) / 64 for a in gaussians(rng, 4, dimensions=2)]  # so that the shear is exact
    shear = np.eye(2)
    shear[1, 0] = rng.integers(2**28, 2**29)
    mean_p, factor_p, mean_q, factor_q = pairs
    sheared = (mean_p @ shear.T, shear @ factor_p, mean_q @ shear.T, shear @ factor_q)
    np.testing.assert_allclose(student.gaussian_kl(*sheared), divergence(*pairs), rtol=1e-4, atol=1e-3, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_estimate(student, rng):
    pair, noise = gaussians(rng, dimensions=3), rng.normal(size=(50, 3))
    estimate, _ = student.monte_carlo_kl(*pair, noise)
    np.testing.assert_allclose(estimate, log_ratio(*pair, noise).mean(), rtol=1e-7, atol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_standard_error(student, rng):
    pair, noise = gaussians(rng, dimensions=3), rng.normal(size=(20, 3))
    _, error = student.monte_carlo_kl(*pair, noise)
    exact = log_ratio(*pair, noise).std(ddof=1) / np.sqrt(20)
    np.testing.assert_allclose(error, exact, rtol=1e-7, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_single_precision_goes_in_and_double_comes_out(student, rng):
    pair = [a.astype("f4") for a in gaussians(rng, dimensions=4)]
    noise = rng.normal(size=(1000, 4)).astype("f4")
    terms = log_ratio(*(a.astype("f8") for a in (*pair, noise)))
    estimate, error = student.monte_carlo_kl(*pair, noise)
    np.testing.assert_allclose(estimate, terms.mean(), rtol=1e-8, atol=1e-10, strict=True)
    np.testing.assert_allclose(error, terms.std(ddof=1) / np.sqrt(1000), rtol=1e-8, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_agrees_with_the_truth(student, rng):
    """Within seven standard errors: a right answer fails less than once in ten million draws."""
    pair, samples = gaussians(rng, dimensions=2), 20_000
    estimate, error = student.monte_carlo_kl(*pair, rng.normal(size=(samples, 2)))
    exact = divergence(*pair)
    np.testing.assert_allclose((estimate - exact) / error, 0.0, atol=7.0)
    np.testing.assert_array_less(error, 0.1 * (1.0 + exact))

"""Graded tests of `autoencoders/reparameterisation`. Derivatives come from complex steps, means from enumeration."""

import itertools

import numpy as np
import pytest

either_precision = pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-8), ("f4", 2e-3)])


def encoder_outputs(rng, draws, batch, latents, dtype="f8"):
    """Mean and log-variance, (B, L), and noise, (S, B, L)."""
    mean, log_variance = rng.normal(size=(batch, latents)), rng.uniform(-3, 1, size=(batch, latents))
    return tuple(a.astype(dtype) for a in (mean, log_variance, rng.normal(size=(draws, batch, latents))))


def waves(rng, batch, latents, dtype="f8"):
    """Another f for each example, in which all latents work together, (..., B, L) -> (..., B); and its slope."""
    weights = rng.normal(size=(batch, latents, 4)).astype(dtype)
    start = rng.uniform(0, 6, size=(batch, 4)).astype(dtype)

    def phase(z):
        return np.einsum("...bl,blk->...bk", z, weights) + start

    def slope(z):
        return np.einsum("...bk,blk->...bl", np.cos(phase(z)), weights)

    return lambda z: np.sin(phase(z)).sum(-1), slope


def bowl(rng, latents):
    """f(z) = z A z + c z, its slope, and the gradient of E[f(z)] in the mean and in the log-variance."""
    a, c = rng.normal(size=(latents, latents)), rng.normal(size=latents)
    a = a + a.T

    def f(z):
        return np.einsum("...i,ij,...j->...", z, a, z) + z @ c

    def gradients(mean, log_variance):  # E[f(z)] = mean A mean + trace(A covariance) + c mean
        return 2 * mean @ a + c, np.diag(a) * np.exp(log_variance)

    return f, lambda z: 2 * z @ a + c, gradients


def derivatives(value, at):
    """The derivatives of value(at), (S, B), in each latent of at, (B, L): a complex step, exact to the last digits."""
    step = 1e-20
    return np.stack([value(at + 1j * step * unit).imag / step for unit in np.eye(at.shape[-1])], axis=-1)


def along_the_path(f, mean, log_variance, noise):
    """What f does at each draw when a parameter moves and the noise stays."""
    mean, log_variance, noise = (a.astype("f8") for a in (mean, log_variance, noise))
    in_mean = derivatives(lambda moved: f(moved + np.sqrt(np.exp(log_variance)) * noise), mean)
    return in_mean, derivatives(lambda moved: f(mean + np.exp(moved / 2) * noise), log_variance)


def by_the_score(f, mean, log_variance, noise):
    """What log q does at each draw when a parameter moves and the draw stays, times f less the others' mean."""
    mean, log_variance, noise = (a.astype("f8") for a in (mean, log_variance, noise))
    z = mean + np.sqrt(np.exp(log_variance)) * noise
    values = f(z)
    others = np.stack([np.delete(values, draw, axis=0).mean(0) for draw in range(len(noise))])

    def log_density(mean, log_variance):
        return -0.5 * ((z - mean) ** 2 / np.exp(log_variance) + log_variance + np.log(2 * np.pi)).sum(-1)

    scores = (
        derivatives(lambda moved: log_density(moved, log_variance), mean),
        derivatives(lambda moved: log_density(mean, moved), log_variance),
    )
    return tuple((values - others)[..., None] * score for score in scores)


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@either_precision
def test_path_in_the_mean(student, rng, dtype, tolerance):
    encoded, (f, slope) = encoder_outputs(rng, 4, 3, 2, dtype), waves(rng, 3, 2, dtype)
    answer, _ = student.pathwise_estimates(*encoded, slope)
    exact, _ = along_the_path(f, *encoded)
    np.testing.assert_allclose(answer, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@either_precision
def test_path_in_the_log_variance(student, rng, dtype, tolerance):
    encoded, (f, slope) = encoder_outputs(rng, 4, 3, 2, dtype), waves(rng, 3, 2, dtype)
    _, answer = student.pathwise_estimates(*encoded, slope)
    _, exact = along_the_path(f, *encoded)
    np.testing.assert_allclose(answer, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_path_keeps_axes_of_length_one(student, rng):
    for sizes in [(1, 1, 5), (6, 1, 1), (1, 4, 3)]:
        encoded, (f, slope) = encoder_outputs(rng, *sizes), waves(rng, *sizes[1:])
        answers = student.pathwise_estimates(*encoded, slope)
        for answer, exact in zip(answers, along_the_path(f, *encoded), strict=True):
            np.testing.assert_allclose(answer, exact, rtol=1e-8, atol=1e-8, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_path_is_the_gradient_on_average(student, rng):
    """The terms are quadratic in the noise: the mean over all signs of a noise of one is their expectation."""
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))[:, None]  # (S, B, L) = (8, 1, 3)
    mean, log_variance, _ = encoder_outputs(rng, 1, 1, 3)
    _, slope, gradients = bowl(rng, 3)
    answers = student.pathwise_estimates(mean, log_variance, signs, slope)
    for answer, exact in zip(answers, gradients(mean, log_variance), strict=True):
        np.testing.assert_allclose(np.mean(answer, axis=0), exact, rtol=1e-8, atol=1e-8, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.public
@either_precision
def test_score_in_the_mean(student, rng, dtype, tolerance):
    encoded, (f, _) = encoder_outputs(rng, 5, 3, 2, dtype), waves(rng, 3, 2, dtype)
    answer, _ = student.score_function_estimates(*encoded, f)
    exact, _ = by_the_score(f, *encoded)
    np.testing.assert_allclose(answer, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.public
@either_precision
def test_score_in_the_log_variance(student, rng, dtype, tolerance):
    encoded, (f, _) = encoder_outputs(rng, 5, 3, 2, dtype), waves(rng, 3, 2, dtype)
    _, answer = student.score_function_estimates(*encoded, f)
    _, exact = by_the_score(f, *encoded)
    np.testing.assert_allclose(answer, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_score_is_the_gradient_on_average(student, rng):
    """Every pair of draws from the nine Gauss-Hermite nodes of the plane, one pair an example: an exact expectation."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    plane = np.array(list(itertools.product(nodes, repeat=2)))  # (9, L)
    weight = np.outer(weights, weights).ravel() / weights.sum() ** 2  # (9,)
    pairs = np.array(list(itertools.product(range(9), repeat=2))).T  # (S, B) = (2, 81)
    mean, log_variance, _ = encoder_outputs(rng, 1, 1, 2)
    f, _, gradients = bowl(rng, 2)
    repeated = [np.repeat(a, 81, axis=0) for a in (mean, log_variance)]
    answers = student.score_function_estimates(*repeated, plane[pairs], f)
    for answer, exact in zip(answers, gradients(mean, log_variance), strict=True):
        expectation = np.einsum("b,sbl->l", weight[pairs].prod(0), answer) / 2
        np.testing.assert_allclose(expectation, exact[0], rtol=1e-8, atol=1e-8, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_a_constant_changes_nothing(student, rng):
    """Each example has a large constant of its own in f; two draws are the fewest that there can be."""
    encoded, (f, _) = encoder_outputs(rng, 2, 6, 3), waves(rng, 6, 3)
    constants = rng.uniform(-1e4, 1e4, size=6)
    answers = student.score_function_estimates(*encoded, lambda z: f(z) + constants)
    for answer, exact in zip(answers, by_the_score(f, *encoded), strict=True):
        np.testing.assert_allclose(answer, exact, rtol=1e-6, atol=1e-7, strict=True)

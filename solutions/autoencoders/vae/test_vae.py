"""Graded tests of `autoencoders/vae`. The best sigma comes from a search, the split from the densities themselves."""

import numpy as np
import pytest
from scipy import optimize, stats

FLOOR = 1 / 256


def colour_images(rng, *shape):
    """Images in [0, 1], and reconstructions whose errors differ by channel and are not zero on average."""
    x = rng.uniform(size=shape)
    errors = rng.normal(size=shape) * rng.uniform(0.05, 1.0, size=(shape[1], 1, 1)) + rng.uniform(0.1, 0.5)
    return x, x + errors


def searched_log_likelihood(x, mean):
    """log p(x), (B,), under the sigma of each channel that a numerical search finds, within the bounds."""
    total = np.zeros(len(x))
    for c in range(x.shape[1]):

        def log_prob(log_scale, c=c):
            return stats.norm.logpdf(x[:, c], mean[:, c], np.exp(log_scale)).sum((1, 2))

        found = optimize.minimize_scalar(
            lambda s: -log_prob(s).sum(), bounds=(np.log(FLOOR), 5.0), method="bounded", options={"xatol": 1e-10}
        )
        total += log_prob(found.x)
    return total


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_colour_images(student, rng):
    x, mean = colour_images(rng, 4, 3, 5, 6)
    exact = searched_log_likelihood(x, mean)
    np.testing.assert_allclose(student.log_likelihood_at_best_scale(x, mean), exact, rtol=1e-5, atol=1e-4, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_grey_images_in_single_precision(student, rng):
    x, mean = (a.astype("f4") for a in colour_images(rng, 5, 1, 14, 14))
    exact = searched_log_likelihood(x.astype("f8"), mean.astype("f8")).astype("f4")
    np.testing.assert_allclose(student.log_likelihood_at_best_scale(x, mean), exact, rtol=1e-4, atol=1e-2, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_the_same_error_everywhere(student, rng):
    """Then sigma is the size of that error, and all pixels of a channel are worth the same."""
    batch, channels, height, width = 3, 2, 4, 7
    x = rng.uniform(size=(batch, channels, height, width))
    errors = rng.uniform(0.1, 0.5, size=channels)
    each = height * width * stats.norm.logpdf(errors, scale=errors).sum()
    answer = student.log_likelihood_at_best_scale(x, x - errors[:, None, None])
    np.testing.assert_allclose(answer, np.full(batch, each), rtol=1e-9, atol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_channels_rebuilt_exactly(student, rng):
    """One without any error, one with errors below the bound, one like others."""
    x, mean = colour_images(rng, 4, 3, 6, 5)
    mean[:, 0] = x[:, 0]
    mean[:, 1] = x[:, 1] + rng.uniform(-0.5, 0.5, size=(4, 6, 5)) * FLOOR
    exact = stats.norm.logpdf(x[:, :2], mean[:, :2], FLOOR).sum((1, 2, 3)) + searched_log_likelihood(
        x[:, 2:], mean[:, 2:]
    )
    np.testing.assert_allclose(student.log_likelihood_at_best_scale(x, mean), exact, rtol=1e-5, atol=1e-4, strict=True)


def encoder_outputs(rng, images, latents):
    """Mean, log-variance and noise, (N, L) each; the posteriors overlap."""
    mean, noise = rng.normal(size=(2, images, latents))
    return mean, rng.uniform(-2, 1, size=(images, latents)), noise


def split(mean, log_variance, noise):
    """Information and mismatch from the densities themselves: few latents only."""
    variance = np.exp(log_variance)
    z = mean + np.sqrt(variance) * noise
    posteriors = [stats.multivariate_normal(m, np.diag(v)) for m, v in zip(mean, variance, strict=True)]
    density = np.array([np.atleast_1d(q.pdf(z)) for q in posteriors])  # (N, N): posterior m at code n
    average = density.mean(0)
    prior = stats.norm.pdf(z).prod(1)
    return np.log(density.diagonal() / average).mean(), np.log(average / prior).mean()


def kl_to_the_prior(mean, log_variance):
    """Mean over the images of KL(q, N(0, I)): three Gauss-Hermite nodes integrate the quadratic log-ratio exactly."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    scale = np.sqrt(np.exp(log_variance))
    z = mean + scale * nodes[:, None, None]  # (3, N, L)
    log_ratio = stats.norm.logpdf(z, mean, scale) - stats.norm.logpdf(z)
    return np.tensordot(weights / weights.sum(), log_ratio, axes=1).sum(-1).mean()


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-8), ("f4", 1e-3)])
def test_both_parts(student, rng, dtype, tolerance):
    codes = [a.astype(dtype) for a in encoder_outputs(rng, 6, 3)]
    exact = split(*(a.astype("f8") for a in codes))
    for part, right in zip(student.split_kl(*codes), exact, strict=True):
        np.testing.assert_allclose(part, right.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_the_parts_add_up_to_the_kl(student, rng):
    """Noise of one sign and then of the other integrates the quadratic log q(z given x) - log p(z) exactly."""
    mean, log_variance, _ = encoder_outputs(rng, 5, 4)
    signs = rng.choice([-1.0, 1.0], size=mean.shape)
    total = np.mean([np.sum(student.split_kl(mean, log_variance, noise)) for noise in (signs, -signs)])
    np.testing.assert_allclose(total, kl_to_the_prior(mean, log_variance), rtol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_groups_far_apart(student, rng):
    """Images of one group share a posterior: a code tells the group, log 4 nats, and nothing more."""
    groups, members, latents = 4, 3, 2
    noise = rng.normal(size=(groups * members, latents))
    centres = 100 * rng.permutation(groups)[:, None] + rng.normal(size=(groups, latents))
    log_variance = rng.uniform(-2, 1, size=(groups, latents)).repeat(members, axis=0)
    mean = centres.repeat(members, axis=0)
    scale = np.sqrt(np.exp(log_variance))
    z = mean + scale * noise
    own = stats.norm.logpdf(z, mean, scale).sum(1)
    mismatch = (own - np.log(groups) - stats.norm.logpdf(z).sum(1)).mean()
    information, rest = student.split_kl(mean, log_variance, noise)
    np.testing.assert_allclose(information, np.log(groups), rtol=1e-7, strict=True)
    np.testing.assert_allclose(rest, mismatch, rtol=1e-7, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.parametrize(("log_variance", "dtype"), [(-6.0, "f8"), (2.0, "f4")], ids=["narrow", "wide"])
def test_hundreds_of_latents(student, rng, log_variance, dtype):
    """All but two latents have one posterior for all images: they add to the mismatch and not to the information."""
    images, idle = 5, 700
    codes = encoder_outputs(rng, images, 2)
    same = np.zeros((images, idle)), np.full((images, idle), log_variance), rng.normal(size=(images, idle))
    together = [np.hstack(pair).astype(dtype) for pair in zip(codes, same, strict=True)]
    scale = np.sqrt(np.exp(log_variance))
    z = scale * same[2]
    information, mismatch = split(*codes)
    mismatch += (stats.norm.logpdf(z, scale=scale) - stats.norm.logpdf(z)).sum(1).mean()
    tolerance = {"f8": {"rtol": 1e-8, "atol": 1e-8}, "f4": {"rtol": 1e-4, "atol": 1e-2}}[dtype]
    answer = student.split_kl(*together)
    np.testing.assert_allclose(answer[0], information.astype(dtype), **tolerance, strict=True)
    np.testing.assert_allclose(answer[1], mismatch.astype(dtype), **tolerance, strict=True)

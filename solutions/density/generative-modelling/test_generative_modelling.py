"""Graded tests of `density/generative-modelling`: tables of all small images, exact fractions for large ones."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

EVERY_IMAGE = np.array(list(itertools.product([0.0, 1.0], repeat=6)))  # (64, 6)


def binary(rng, *shape):
    """Images of 0.0 and 1.0, where some pixels are mostly ink and others mostly paper."""
    return (rng.uniform(size=shape) < rng.uniform(size=shape[-1])).astype("f8")


def products(train, images, smoothing):
    """The probability of each image, as a fraction: a product of smoothed counts."""
    ink = [Fraction(int(count)) + Fraction(smoothing) for count in train.sum(0)]
    paper = [Fraction(int(count)) + Fraction(smoothing) for count in (1 - train).sum(0)]
    probability = [(p / (p + q), q / (p + q)) for p, q in zip(ink, paper, strict=True)]
    return [math.prod(p if pixel else q for pixel, (p, q) in zip(x, probability, strict=True)) for x in images]


def logs(probabilities, base=math.e):
    """The logarithms of fractions that may be far too small for a float; zero has the logarithm -inf."""
    log = math.log if base == math.e else math.log2
    return np.array([log(p.numerator) - log(p.denominator) if p else -np.inf for p in probabilities])


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-10), ("f4", 1e-4)])
def test_nats(student, rng, dtype, rtol):
    train, images, smoothing = binary(rng, 12, 20), binary(rng, 7, 20), int(rng.integers(2, 20)) / 4
    nats, _ = student.pixel_log_likelihood(train.astype(dtype), images.astype(dtype), smoothing)
    exact = logs(products(train, images, smoothing)).astype(dtype)
    np.testing.assert_allclose(nats, exact, rtol=rtol, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_bits(student, rng):
    train, images, smoothing = binary(rng, 9, 30), binary(rng, 5, 30), int(rng.integers(2, 20)) / 4
    _, bits = student.pixel_log_likelihood(train, images, smoothing)
    exact = -logs(products(train, images, smoothing), base=2) / 30
    np.testing.assert_allclose(bits, exact, rtol=1e-10, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_it_is_a_distribution(student, rng):
    """All images together have the probability one, and the mean image is that of the training images with 2a more."""
    train, smoothing = binary(rng, 10, 6), int(rng.integers(1, 4))
    nats, _ = student.pixel_log_likelihood(train, EVERY_IMAGE, float(smoothing))
    np.testing.assert_allclose(np.exp(nats).sum(), 1.0, rtol=1e-10)
    seen = np.concatenate([train, np.zeros((smoothing, 6)), np.ones((smoothing, 6))])
    np.testing.assert_allclose(np.exp(nats) @ EVERY_IMAGE, seen.mean(0), rtol=1e-10, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_no_smoothing(student, rng):
    """1,500 pixels, some of them always ink or always paper in training; two of the images cannot come."""
    pixels = 1500
    train = binary(rng, 8, pixels)
    train[:, 0], train[:, 1] = 0.0, 1.0
    images = train[rng.integers(0, 8, size=(4, pixels)), np.arange(pixels)]  # each pixel from some training image
    images[1, 0], images[2, 1] = 1.0, 0.0
    exact = logs(products(train, images, 0))
    assert np.isinf(exact).tolist() == [False, True, True, False]
    nats, bits = student.pixel_log_likelihood(train, images, 0.0)
    np.testing.assert_allclose(nats, exact, rtol=1e-10, strict=True)
    np.testing.assert_allclose(bits, -exact / np.log(2) / pixels, rtol=1e-10, strict=True)


def mixture(rng, classes, pixels):
    """Shares (K,) and probabilities of ink (K, D)."""
    return rng.dirichlet(np.full(classes, 3.0)), rng.uniform(0.05, 0.95, size=(classes, pixels))


def by_table(images, visible, share, ink):
    """Posterior and mean image from p(x, y) of all 64 images: keep the rows that agree with what is visible."""
    joint = share[:, None] * np.where(EVERY_IMAGE == 1, ink[:, None], 1 - ink[:, None]).prod(-1)  # (K, 64)
    posterior, mean = [], []
    for image, shown in zip(images, visible, strict=True):
        agrees = (EVERY_IMAGE == image)[:, shown].all(-1)  # (64,)
        rows = joint[:, agrees] / joint[:, agrees].sum()
        posterior.append(rows.sum(1))
        mean.append(rows.sum(0) @ EVERY_IMAGE[agrees])
    return np.array(posterior), np.array(mean)


def covered(rng, images, visible):
    """The images with numbers that mean nothing at hidden pixels."""
    return np.where(visible, images, rng.uniform(-5, 5, size=images.shape))


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-10), ("f4", 1e-4)])
def test_posterior(student, rng, dtype, tolerance):
    share, ink = (a.astype(dtype) for a in mixture(rng, 4, 6))
    visible = rng.uniform(size=(5, 6)) < 0.6
    visible[0] = True
    images = covered(rng, binary(rng, 5, 6), visible).astype(dtype)
    exact, _ = by_table(images, visible, share.astype("f8"), ink.astype("f8"))
    posterior, _ = student.posterior_and_completion(images, visible, share, ink)
    np.testing.assert_allclose(posterior, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_completion(student, rng):
    share, ink = mixture(rng, 3, 6)
    visible = rng.uniform(size=(8, 6)) < 0.5
    visible[0], visible[1, :2] = True, [True, False]
    images = covered(rng, binary(rng, 8, 6), visible)
    _, exact = by_table(images, visible, share, ink)
    _, completed = student.posterior_and_completion(images, visible, share, ink)
    np.testing.assert_allclose(completed, exact, rtol=1e-10, atol=1e-12, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_nothing_is_visible(student, rng):
    """Then each class keeps its share, and the image is the mean of all; one class never comes."""
    share, ink = mixture(rng, 5, 6)
    share[2] = 0.0
    share /= share.sum()
    visible = np.zeros((3, 6), dtype=bool)
    images = covered(rng, np.zeros((3, 6)), visible)
    _, mean = by_table(images, visible, share, ink)
    posterior, completed = student.posterior_and_completion(images, visible, share, ink)
    np.testing.assert_allclose(posterior, np.tile(share, (3, 1)), rtol=1e-10, strict=True)
    np.testing.assert_allclose(completed, mean, rtol=1e-10, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_thousands_of_pixels(student, rng):
    """Probabilities in 64ths, so that their products are whole numbers and exact; a float has no room for them."""
    pixels, classes = 2000, 4
    parts = np.tile(rng.integers(4, 61, size=pixels), (classes, 1))  # (K, D), in 64ths
    parts[:, :8] = rng.integers(8, 57, size=(classes, 8))  # most classes differ in these pixels only,
    parts[3] = rng.permutation(parts[3])  # and the last one is far away
    weights = rng.integers(1, 9, size=classes)
    images = binary(rng, 3, pixels)
    visible = rng.uniform(size=(3, pixels)) < np.array([1.0, 0.9, 0.02])[:, None]
    ink_or_paper = np.where(images[:, None] == 1, parts, 64 - parts)  # (B, K, D)
    posterior = []
    for one, shown in zip(ink_or_paper, visible, strict=True):
        joint = [int(w) * math.prod(map(int, row[shown])) for w, row in zip(weights, one, strict=True)]
        posterior.append([float(Fraction(product, sum(joint))) for product in joint])
    answer, completed = student.posterior_and_completion(
        covered(rng, images, visible), visible, weights / weights.sum(), parts / 64
    )
    np.testing.assert_allclose(answer, np.array(posterior), rtol=1e-8, atol=1e-10, strict=True)
    mean = np.where(visible, images, np.array(posterior) @ (parts / 64))
    np.testing.assert_allclose(completed, mean, rtol=1e-8, atol=1e-10, strict=True)

"""Graded tests of `autoencoders/autoencoder`: axes are chosen and images made from them; masks are enumerated."""

import itertools

import numpy as np
import pytest


def images_on_axes(rng, count, spreads, *shape):
    """Their mean (...), all d axes as rows (d, d), and ``count`` images (N, ...) with these spreads along the first."""
    pixels, rank = np.prod(shape), len(spreads)
    mean = rng.uniform(0.2, 0.8, size=shape)
    axes = np.linalg.qr(rng.normal(size=(pixels, pixels)))[0].T
    coordinates = rng.normal(size=(count, rank))
    coordinates = np.linalg.qr(coordinates - coordinates.mean(0))[0]  # uncorrelated, of mean zero
    return mean, axes, mean + (coordinates * spreads @ axes[:rank]).reshape(count, *shape)


def all_masks(images, corruption):
    """Every image under every mask, the clean image and the probability of each, 2^d N rows."""
    masks = np.array(list(itertools.product([0.0, 1.0], repeat=images.shape[1])))
    weights = np.prod(np.where(masks == 1, 1 - corruption, corruption), axis=1)
    damaged = (masks[:, None] * images).reshape(-1, images.shape[1])
    return damaged, np.tile(images, (len(masks), 1)), np.repeat(weights / len(images), len(images))


def restorer(images, corruption):
    """W and b that fit all of them best, by weighted least squares."""
    damaged, clean, weights = all_masks(images, corruption)
    inputs = np.append(damaged, np.ones((len(damaged), 1)), axis=1)
    root = np.sqrt(weights)[:, None]
    solution = np.linalg.lstsq(root * inputs, root * clean, rcond=None)[0]
    return solution[:-1].T, solution[-1]


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_reconstructions(student, rng):
    mean, axes, train = images_on_axes(rng, 20, 3 * 0.7 ** np.arange(6), 6)
    coordinates = rng.normal(size=(4, 6))
    exact = mean + coordinates[:, :3] @ axes[:3]
    answer, _ = student.linear_autoencoder(train, mean + coordinates @ axes, 3)
    np.testing.assert_allclose(answer, exact, rtol=1e-8, atol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-8), ("f4", 1e-3)])
def test_errors(student, rng, dtype, rtol):
    """What lay along the axes that are dropped, always in float64."""
    mean, axes, train = images_on_axes(rng, 12, 3 * 0.7 ** np.arange(6), 2, 3)
    coordinates = rng.normal(size=(5, 6))
    images = mean + (coordinates @ axes).reshape(5, 2, 3)
    exact = (coordinates[:, 2:] ** 2).sum(-1)
    _, errors = student.linear_autoencoder(train.astype(dtype), images.astype(dtype), 2)
    np.testing.assert_allclose(errors, exact, rtol=rtol, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_colour_images_with_more_pixels_than_images(student, rng):
    """From no number, the mean, to as many as the training images have."""
    mean, axes, train = images_on_axes(rng, 6, 3 * 0.7 ** np.arange(5), 3, 4, 5)
    coordinates = rng.normal(size=(2, 60))
    images = mean + (coordinates @ axes).reshape(2, 3, 4, 5)
    for code_size in (0, 5):
        exact = mean + (coordinates[:, :code_size] @ axes[:code_size]).reshape(2, 3, 4, 5)
        reconstructions, errors = student.linear_autoencoder(train, images, code_size)
        np.testing.assert_allclose(reconstructions, exact, rtol=1e-8, atol=1e-9, strict=True)
        np.testing.assert_allclose(errors, (coordinates[:, code_size:] ** 2).sum(-1), rtol=1e-8, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_short_axes(student, rng):
    """The square of a billionth is below the rounding of 1: a covariance has lost these axes."""
    mean, axes, train = images_on_axes(rng, 12, np.array([1.0, 0.5, 4e-9, 1e-9]), 5)
    coordinates = rng.uniform(0.5, 1, size=(3, 5))
    exact = (coordinates[:, 3:] ** 2).sum(-1)
    _, errors = student.linear_autoencoder(train, mean + coordinates @ axes, 3)
    np.testing.assert_allclose(errors, exact, rtol=1e-4, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_weight(student, rng):
    images, corruption = rng.uniform(size=(7, 5)), rng.uniform(0.2, 0.4)
    weight, _ = student.best_restorer(images, corruption)
    np.testing.assert_allclose(weight, restorer(images, corruption)[0], rtol=1e-5, atol=1e-6, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_bias(student, rng):
    images, corruption = rng.uniform(size=(7, 5)), rng.uniform(0.6, 0.8)
    _, bias = student.best_restorer(images, corruption)
    np.testing.assert_allclose(bias, restorer(images, corruption)[1], rtol=1e-5, atol=1e-6, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_pixels_that_are_always_black(student, rng):
    """More pixels than images, two of them black in all."""
    images, corruption = rng.uniform(size=(4, 6)), rng.uniform(0.3, 0.7)
    images[:, rng.permutation(6)[:2]] = 0.0
    weight, bias = restorer(images, corruption)
    answer = student.best_restorer(images, corruption)
    np.testing.assert_allclose(answer[0], weight, rtol=1e-5, atol=1e-6, strict=True)
    np.testing.assert_allclose(answer[1], bias, rtol=1e-5, atol=1e-6, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_single_precision_goes_in_and_double_comes_out(student, rng):
    """One picture p in many brightnesses t, x = t p: a rank-one covariance, inverted by Sherman and Morrison."""
    pixels, corruption = 100, rng.uniform(0.3, 0.7)
    picture = rng.integers(1, 17, size=pixels).astype("f8")
    brightness = rng.permutation(15)[:9] + 1.0
    variance, square = brightness.var(), (brightness**2).mean()
    share = variance / (corruption * square + (1 - corruption) * variance * pixels)
    exact = share * picture[:, None] / picture  # (d, d)
    weight, bias = student.best_restorer(np.outer(brightness, picture).astype("f4"), corruption)
    np.testing.assert_allclose(weight, exact, rtol=1e-7, strict=True)
    mean = brightness.mean() * picture
    np.testing.assert_allclose(bias, mean * (1 - (1 - corruption) * share * pixels), rtol=1e-7, strict=True)

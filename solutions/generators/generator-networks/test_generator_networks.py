"""Graded tests of `generators/generator-networks`: slopes of probabilities, and Gaussians that are known exactly."""

from decimal import Decimal

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import multivariate_normal

STEP = 1e-20  # of a complex step: the imaginary part of f(x + i STEP) is STEP times the derivative, exactly


def turned(rng, size):
    """A matrix of rotations, with a reflection in half of all cases."""
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def shear(rng, size):
    """A generator that is not linear: entries are stretched by what came before, then all are mixed by a matrix.

    Its inverse, which takes complex numbers too, its Jacobian, and the generator itself.
    """
    mix, slope = turned(rng, size) @ np.diag(rng.uniform(0.5, 3, size=size)), rng.normal(size=size) * 0.4

    def stretch(z):  # by how much each entry is stretched: by a function of the one before
        return np.concatenate([np.ones_like(z[:, :1]), np.exp(slope[1:] * np.sin(z[:, :-1]))], axis=1)

    def inverse(x):
        w = x @ np.linalg.inv(mix).T
        z = [w[:, 0]]
        for i in range(1, size):
            z.append(w[:, i] * np.exp(-slope[i] * np.sin(z[-1])))
        return np.stack(z, axis=1)

    def jacobian(z):
        widths = stretch(z)
        inner = np.stack([np.diag(row) for row in widths])
        before = z[:, 1:] * widths[:, 1:] * slope[1:] * np.cos(z[:, :-1])
        inner[:, np.arange(1, size), np.arange(size - 1)] = before
        return mix @ inner

    return inverse, jacobian, lambda z: (z * stretch(z)) @ mix.T


def given(function, dtype):
    """The function as the submission gets it, which may call it with arrays of one precision only."""

    def call(a):
        assert a.dtype == dtype
        return function(a.astype("f8")).astype(dtype)

    return call


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_dimension(student, rng):
    """The density is the slope of the cumulative distribution; the generator rises, or falls."""
    for sign in (-1.0, 1.0):
        width = sign * rng.uniform(0.5, 2)
        x = np.sinh(rng.normal(size=(6, 1))) * width
        answer = student.log_prob(
            x, lambda x, w=width: np.arcsinh(x / w), lambda z, w=width: w * np.cosh(z)[:, :, None]
        )
        slope = ndtr(np.arcsinh((x[:, 0] + 1j * STEP) / width)).imag / STEP
        np.testing.assert_allclose(answer, np.log(np.abs(slope)), rtol=1e-9, atol=1e-10, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_affine(student, rng):
    """x = m + A z is a Gaussian with the covariance A A^T, in any number of dimensions."""
    for size in (1, 2, 5):
        matrix, offset = turned(rng, size) * rng.uniform(0.3, 3, size=size), rng.normal(size=size)
        x = rng.normal(size=(4, size)) @ matrix.T + offset
        exact = multivariate_normal(offset, matrix @ matrix.T).logpdf(x).reshape(4)

        def inverse(x, matrix=matrix, offset=offset):
            return (x - offset) @ np.linalg.inv(matrix).T

        for dtype, tolerance in (("f8", 1e-9), ("f4", 1e-4)):
            given_jacobian = given(lambda z, matrix=matrix: np.tile(matrix, (len(z), 1, 1)), dtype)
            answer = student.log_prob(x.astype(dtype), given(inverse, dtype), given_jacobian)
            np.testing.assert_allclose(answer, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_not_linear(student, rng):
    """The volume that a little cube of x has in z, from complex steps of the inverse: no Jacobian of g is used."""
    for size in (2, 4):
        inverse, jacobian, generator = shear(rng, size)
        x = generator(rng.normal(size=(7, size)))
        slopes = np.stack([inverse(x + 1j * STEP * unit).imag / STEP for unit in np.eye(size)], axis=-1)
        exact = multivariate_normal(np.zeros(size)).logpdf(inverse(x)) + np.log(np.abs(np.linalg.det(slopes)))
        answer = student.log_prob(x, inverse, jacobian)
        np.testing.assert_allclose(answer, exact, rtol=1e-8, atol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_hundreds_of_dimensions(student, rng):
    """A matrix between two rotations: its determinant is the product of what is between them, up to the sign."""
    size = 250
    left, right = turned(rng, size), turned(rng, size)
    z = rng.normal(size=(3, size))
    for exponent in (-2.5, 2.5):  # a determinant near 10 to the -625 or the 625
        widths = 10 ** (exponent + rng.uniform(-0.3, 0.3, size=size))
        matrix, back = (left * widths) @ right, (right.T / widths) @ left.T
        exact = -0.5 * (z**2).sum(1) - size * (np.log(2 * np.pi) / 2) - np.log(widths).sum()
        for dtype, rtol in (("f8", 1e-9), ("f4", 1e-3)):
            answer = student.log_prob(
                (z @ matrix.T).astype(dtype),
                given(lambda x, back=back: x @ back.T, dtype),
                given(lambda z, matrix=matrix: np.tile(matrix, (len(z), 1, 1)), dtype),
            )
            np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, strict=True)


def mixture(rng, batch, points, latents, pixels):
    """x (B, d), nodes (K, n), weights (K,), and mean and standard deviation at each node, (K, d)."""
    weights = rng.dirichlet(np.full(points, 2.0))
    mean, scale = rng.normal(size=(points, pixels)), rng.uniform(0.5, 2, size=(points, pixels))
    x = mean[rng.integers(points, size=batch)] + rng.normal(size=(batch, pixels))
    return x, rng.normal(size=(points, latents)), weights, mean, scale


def in_decimals(x, nodes, weights, mean, scale):
    """log p(x) and the mean of z: densities multiplied and added as they are, in numbers with exponents of any size."""
    root = Decimal(2 * np.pi).sqrt()
    logs, means = [], []
    for image in x:
        joint = []
        for weight, m, s in zip(weights, mean, scale, strict=True):
            density = Decimal(float(-0.5 * (((image - m) / s) ** 2).sum())).exp()
            for width in s:
                density /= Decimal(float(width)) * root
            joint.append(Decimal(float(weight)) * density)
        total = sum(joint)
        logs.append(float(total.ln()))
        means.append(np.array([float(part / total) for part in joint]) @ nodes)
    return np.array(logs), np.array(means)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_a_few_pixels(student, rng):
    mixed = mixture(rng, 5, 4, 2, 3)
    exact = in_decimals(*mixed)
    for dtype, tolerance in (("f8", 1e-9), ("f4", 1e-4)):
        answers = student.marginal(*(a.astype(dtype) for a in mixed))
        for answer, value in zip(answers, exact, strict=True):
            np.testing.assert_allclose(answer, value.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_the_nodes_stand_for_all_noise(student, rng):
    """For x = m + a z + noise both are known exactly; Gauss-Hermite nodes stand for a Gaussian z."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(50)
    weights = weights / weights.sum()
    offset, slope, scale = rng.normal(size=4), rng.uniform(-0.5, 0.5, size=4), rng.uniform(0.6, 1.2, size=4)
    x = offset + rng.normal(size=(6, 1)) * slope + rng.normal(size=(6, 4)) * scale
    covariance = np.outer(slope, slope) + np.diag(scale**2)
    log_prob, mean_of_z = student.marginal(
        x, nodes[:, None], weights, offset + nodes[:, None] * slope, np.tile(scale, (50, 1))
    )
    exact = multivariate_normal(offset, covariance).logpdf(x)
    np.testing.assert_allclose(log_prob, exact, rtol=1e-7, atol=1e-8, strict=True)
    regression = (x - offset) @ np.linalg.solve(covariance, slope)  # E[z given x] of two joint Gaussians
    np.testing.assert_allclose(mean_of_z, regression[:, None], rtol=1e-7, atol=1e-7, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_nodes_without_weight(student, rng):
    """Nodes of weight zero may be left out, though some of them fit an image best."""
    x, nodes, weights, mean, scale = mixture(rng, 4, 6, 3, 8)
    weights[[1, 4]] = 0.0
    weights /= weights.sum()
    mean[1], scale[1] = x[0], 1e-4
    kept = weights > 0
    exact = in_decimals(x, nodes[kept], weights[kept], mean[kept], scale[kept])
    for dtype, tolerance in (("f8", 1e-9), ("f4", 1e-3)):
        answers = student.marginal(*(a.astype(dtype) for a in (x, nodes, weights, mean, scale)))
        for answer, value in zip(answers, exact, strict=True):
            np.testing.assert_allclose(answer, value.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_hundreds_of_pixels(student, rng):
    """Densities near 10 to the 1000, and near 10 to the -10,000 in the same batch."""
    pixels = 600
    common = rng.normal(size=pixels)
    mean = common + 0.002 * rng.normal(size=(3, pixels))  # three nodes that are hard to tell apart
    scale = np.tile(rng.uniform(0.006, 0.012, size=pixels), (3, 1))
    nodes, weights = rng.normal(size=(3, 2)), rng.dirichlet(np.full(3, 5.0))
    x = common + scale[0] * rng.normal(size=(4, pixels)) * np.array([[0.5], [1.0], [2.0], [9.0]])
    log_prob, mean_of_z = student.marginal(x, nodes, weights, mean, scale)
    exact_log_prob, exact_mean = in_decimals(x, nodes, weights, mean, scale)
    np.testing.assert_allclose(log_prob, exact_log_prob, rtol=1e-9, strict=True)
    np.testing.assert_allclose(mean_of_z, exact_mean, rtol=1e-6, atol=1e-7, strict=True)

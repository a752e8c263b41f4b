"""Graded tests of `adversarial/training-dynamics`: slopes by differences, radii by singular values, packs by counts."""

from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
import pytest


def games(rng, *shape, n, m):
    """A, B, C of random games: A and C symmetric, of any sign."""
    a, b, c = rng.normal(size=(*shape, n, n)), rng.normal(size=(*shape, n, m)), rng.normal(size=(*shape, m, m))
    return (a + a.swapaxes(-1, -2)) / 2, b, (c + c.swapaxes(-1, -2)) / 2


def value(a, b, c, theta, phi):
    """V at one point."""
    return theta @ a @ theta / 2 + theta @ b @ phi - phi @ c @ phi / 2


def slope(f, x, step=1e-3):
    """The gradient of a quadratic function, for which central differences are exact."""
    return np.array([(f(x + step * unit) - f(x - step * unit)) / (2 * step) for unit in np.eye(len(x))])


def played(a, b, c, eta, order):
    """The matrix of a round whose columns are the rounds played from each unit vector."""
    n, columns = len(a), []
    for unit in np.eye(n + len(c)):
        theta, phi = unit[:n], unit[n:]
        new_phi = phi + eta * slope(lambda at, theta=theta: value(a, b, c, theta, at), phi)
        seen = new_phi if order == "alternating" else phi
        new_theta = theta - eta * slope(lambda at, seen=seen: value(a, b, c, at, seen), theta)
        columns.append(np.concatenate([new_theta, new_phi]))
    return np.array(columns).T


def orthogonal(rng, n):
    """A random orthogonal matrix."""
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def error_by_counting(p, q, m):
    """A pack's probability depends on its counts alone; there are m! / (n_1! n_2! ...) orders of them."""
    total = 0.0
    for pack in combinations_with_replacement(range(len(p)), m):
        counts = [pack.count(mode) for mode in range(len(p))]
        orders = factorial(m) // prod(factorial(count) for count in counts)
        total += orders * min(np.prod(p ** np.array(counts)), np.prod(q ** np.array(counts)))
    return total / 2


def distributions(rng, *shape):
    """Probabilities over the last axis, none of them tiny."""
    weights = rng.uniform(0.2, 2.0, size=shape)
    return weights / weights.sum(axis=-1, keepdims=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_simultaneous_rounds(student, rng):
    """The matrix against rounds that are played with slopes by differences."""
    a, b, c = games(rng, n=3, m=2)
    matrix, _ = student.one_round(a, b, c, 0.3, "simultaneous")
    np.testing.assert_allclose(matrix, played(a, b, c, 0.3, "simultaneous"), rtol=1e-8, atol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_alternating_rounds(student, rng):
    a, b, c = games(rng, n=2, m=4)
    matrix, _ = student.one_round(a, b, c, 0.7, "alternating")
    np.testing.assert_allclose(matrix, played(a, b, c, 0.7, "alternating"), rtol=1e-8, atol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_radii_of_bilinear_games(student, rng):
    """Without A and C, each singular value s of B turns on its own: by sqrt(1 + (eta s)^2), or along an ellipse."""
    eta, n = 0.5, 3
    zero = np.zeros((n, n))
    for largest in (rng.uniform(0.5, 3.5), rng.uniform(5.0, 8.0)):  # eta s below two, and above
        singular = np.array([largest, 0.6 * largest, 0.2 * largest])
        b = orthogonal(rng, n) @ np.diag(singular) @ orthogonal(rng, n)
        _, radius = student.one_round(zero, b, zero, eta, "simultaneous")
        np.testing.assert_allclose(radius, np.hypot(1, eta * largest), rtol=1e-8, strict=True)
        _, radius = student.one_round(zero, b, zero, eta, "alternating")
        half = (eta * largest) ** 2 / 2 - 1  # minus half of the trace of the fastest pair, whose determinant is one
        np.testing.assert_allclose(radius, half + np.sqrt(max(half**2 - 1, 0)) if half > 1 else 1.0, rtol=1e-6)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_batches_of_games_in_both_precisions(student, rng):
    a, b, c = games(rng, 2, 3, n=2, m=2)
    for order in ("simultaneous", "alternating"):
        one = [[played(*(part[i, j] for part in (a, b, c)), 0.4, order) for j in range(3)] for i in range(2)]
        exact = np.array(one)
        # The radius by another route: the largest root of the characteristic polynomial.
        radii = np.array([[np.abs(np.roots(np.poly(matrix))).max() for matrix in row] for row in exact])
        for dtype, rtol in (("f8", 1e-5), ("f4", 1e-3)):
            matrix, radius = student.one_round(*(part.astype(dtype) for part in (a, b, c)), 0.4, order)
            np.testing.assert_allclose(matrix, exact.astype(dtype), rtol=rtol, atol=1e-5, strict=True)
            np.testing.assert_allclose(radius, radii.astype(dtype), rtol=10 * rtol, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_single_examples_and_pairs(student, rng):
    p, q = distributions(rng, 5), distributions(rng, 5)
    for m in (1, 2):
        exact = np.asarray(error_by_counting(p, q, m))
        np.testing.assert_allclose(student.packed_error(p, q, m), exact, rtol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_a_collapsed_generator_is_found_out_fast(student, rng):
    """All of its packs are possible, but data packs stay in its modes only with probability (kept / all)^m."""
    modes = int(rng.integers(6, 10))
    kept = int(rng.integers(2, modes))
    p, q = np.full(modes, 1 / modes), np.zeros(modes)
    q[rng.permutation(modes)[:kept]] = 1 / kept
    for m in (1, 3, 4):
        exact = np.asarray((kept / modes) ** m / 2)
        np.testing.assert_allclose(student.packed_error(p, q, m), exact, rtol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_batches_of_packs_in_both_precisions(student, rng):
    p, q = distributions(rng, 2, 3, 3), distributions(rng, 2, 3, 3)
    exact = np.array([[error_by_counting(p[i, j], q[i, j], 6) for j in range(3)] for i in range(2)])
    for dtype, rtol in (("f8", 1e-9), ("f4", 1e-4)):
        found = student.packed_error(p.astype(dtype), q.astype(dtype), 6)
        np.testing.assert_allclose(found, exact.astype(dtype), rtol=rtol, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_the_two_ends(student, rng):
    """The same distribution: a toss of a coin. Nothing in common: never wrong."""
    p = distributions(rng, 4)
    np.testing.assert_allclose(student.packed_error(p, p, 5), 0.5, rtol=1e-9)
    apart = np.array([0.3, 0.7, 0.0, 0.0]), np.array([0.0, 0.0, 0.9, 0.1])
    np.testing.assert_allclose(student.packed_error(*apart, 3), 0.0, atol=1e-12)
    once = np.array([1.0, 0.0]), np.array([0.5, 0.5])  # only a pack without the second mode can deceive
    np.testing.assert_allclose(student.packed_error(*once, 10), 0.5**11, rtol=1e-9)

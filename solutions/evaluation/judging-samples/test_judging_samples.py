"""Graded tests of `evaluation/judging-samples`. Right values come from ranks, and from the features of the kernel."""

import numpy as np
import pytest


def distances(a, b):
    """Euclidean, (..., N, F) and (..., M, F) to (..., N, M)."""
    return np.sqrt(((a[..., :, None, :] - b[..., None, :, :]) ** 2).sum(-1))


def tables(x, y):
    """Within x, within y, and between them."""
    return distances(x, x), distances(y, y), distances(x, y)


def share_inside(within, between, k):
    """How many columns of `between` (N, M) are in a ball of one of the N points, from ranks alone.

    A point is in the ball around another one if fewer than k of that one's own neighbours are nearer.
    """
    inside = np.zeros(between.shape[1], dtype=bool)
    for i, row in enumerate(between):
        others = np.delete(within[i], i)
        inside |= (others[:, None] < row).sum(axis=0) < k
    return inside.mean()


def expected(real, generated, between, k):
    """Precision and recall, set by set."""
    shape = between.shape[:-2]
    pairs = [
        (share_inside(real[at], between[at], k), share_inside(generated[at], between[at].T, k))
        for at in np.ndindex(*shape)
    ]
    precision, recall = np.array(pairs).T
    return precision.reshape(shape), recall.reshape(shape)


def assert_equal(answers, exact, dtype, rtol):
    for answer, value in zip(answers, exact, strict=True):
        np.testing.assert_allclose(answer, np.asarray(value, dtype=dtype), rtol=rtol, strict=True)


def clouds(rng, *batch, n, m, features):
    """Two sets that overlap in part."""
    return rng.normal(size=(*batch, n, features)), 0.7 * rng.normal(size=(*batch, m, features)) + 0.5


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_pair_of_sets(student, rng):
    given = tables(*clouds(rng, n=12, m=9, features=2))
    for k in (1, 3):
        assert_equal(student.precision_recall(*given, k), expected(*given, k), "f8", 1e-12)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_many_pairs_in_both_precisions(student, rng):
    given = tables(*clouds(rng, 3, 4, n=8, m=11, features=3))
    for dtype in ("f8", "f4"):
        rounded = tuple(table.astype(dtype) for table in given)
        assert_equal(student.precision_recall(*rounded, 2), expected(*rounded, 2), dtype, 1e-6)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_points_on_the_edge(student, rng):
    """Whole numbers on a line: many distances are equal, and many points lie on an edge."""
    x, y = rng.integers(0, 9, size=(5, 10, 1)).astype("f8"), rng.integers(0, 14, size=(5, 7, 1)).astype("f8")
    x[0], y[0] = 2.0 * np.arange(10)[:, None], 2.0 * np.arange(20, 27)[:, None]  # 18 and 40: far from each other
    y[0, 0] = 20.0  # exactly as far from 18 as 16 is
    for k in (1, 2):
        assert_equal(student.precision_recall(*tables(x, y), k), expected(*tables(x, y), k), "f8", 1e-12)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_copies_and_strangers(student, rng):
    x = rng.normal(size=(10, 4))
    copies, strangers = x[rng.permutation(10)], x[:6] + 100
    one, none = np.float64(1.0), np.float64(0.0)
    assert_equal(student.precision_recall(*tables(x, copies), 3), (one, one), "f8", 1e-12)
    assert_equal(student.precision_recall(*tables(x, strangers), 3), (none, none), "f8", 1e-12)
    repeated = np.repeat(x[:1], 5, axis=0)  # one real point, five times: every ball has radius zero
    assert_equal(student.precision_recall(*tables(x, repeated), 3), (one, np.float64(0.1)), "f8", 1e-12)


def feature_map(x):
    """Features whose inner product is the kernel: all products of three of (1, x_1, ..., x_F / root F)."""
    size = x.shape[-1]
    u = np.concatenate([np.ones((*x.shape[:-1], 1)), x / np.sqrt(size)], axis=-1)
    products = u[..., :, None, None] * u[..., None, :, None] * u[..., None, None, :]
    return products.reshape(*x.shape[:-1], (size + 1) ** 3)


def estimate(x, y):
    """From sums of features: the sum over pairs of different points is |sum|^2 less the sum of |.|^2."""

    def within(features):
        n, total = features.shape[-2], features.sum(axis=-2)
        return ((total**2).sum(-1) - (features**2).sum((-1, -2))) / (n * (n - 1))

    a, b = feature_map(x), feature_map(y)
    return within(a) + within(b) - 2 * (a.mean(axis=-2) * b.mean(axis=-2)).sum(-1)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_estimate(student, rng):
    x, y = clouds(rng, n=6, m=9, features=3)
    np.testing.assert_allclose(student.kernel_distance(x, y), estimate(x, y), rtol=1e-8, atol=1e-10, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_many_estimates_in_both_precisions(student, rng):
    x, y = clouds(rng, 2, 5, n=7, m=4, features=2)
    for dtype, tolerance in (("f8", 1e-9), ("f4", 1e-3)):
        answer = student.kernel_distance(x.astype(dtype), y.astype(dtype))
        np.testing.assert_allclose(
            answer, estimate(x, y).astype(dtype), rtol=tolerance, atol=100 * tolerance if dtype == "f4" else 1e-9,
            strict=True,
        )  # fmt: skip


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_no_bias(student, rng):
    """Every sample that two coins can give, weighted by its probability: the mean is the distance itself."""
    heads_x, heads_y = rng.uniform(0.2, 0.8, size=2)
    sides = rng.normal(size=(2, 2))  # what tails and heads stand for: two points with two features
    flips_x = np.array(list(np.ndindex(2, 2, 2)))  # (8, 3)
    flips_y = np.array(list(np.ndindex(2, 2)))  # (4, 2)

    def weights(flips, heads):
        return np.where(flips == 1, heads, 1 - heads).prod(-1)

    x = np.broadcast_to(sides[flips_x][:, None], (8, 4, 3, 2)).copy()
    y = np.broadcast_to(sides[flips_y], (8, 4, 2, 2)).copy()
    mean = np.einsum("a,b,ab", weights(flips_x, heads_x), weights(flips_y, heads_y), student.kernel_distance(x, y))
    tails, heads = feature_map(sides)
    exact = (heads_x - heads_y) ** 2 * ((heads - tails) ** 2).sum()
    np.testing.assert_allclose(mean, exact, rtol=1e-8, atol=1e-10)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_equal_sets_have_a_negative_distance(student, rng):
    """Twice the same two points: minus half of their squared distance, among the kernel's features."""
    x = rng.normal(size=(2, 5))
    first, second = feature_map(x)
    exact = -0.5 * ((first - second) ** 2).sum()
    np.testing.assert_allclose(student.kernel_distance(x, x.copy()), exact, rtol=1e-8, strict=True)
    orthogonal = np.zeros((1, 2, 4)), np.zeros((1, 3, 4))  # nothing but the constant: no distance at all
    np.testing.assert_allclose(student.kernel_distance(*orthogonal), np.zeros(1), atol=1e-12, strict=True)

"""Graded tests of `density/maximum-likelihood`. Histograms are held against scipy's, kernels against closed forms."""

import numpy as np
import pytest
from scipy import stats


def histogram(rng, bins, points):
    """Edges (K + 1,), and points (N,) within them, none on an edge; every bin holds some."""
    edges = rng.uniform(-5, 5) + np.cumsum(rng.uniform(0.2, 2.0, size=bins + 1))
    bin_of = rng.permutation(np.concatenate([np.arange(bins), rng.integers(0, bins, size=points - bins)]))
    return edges, edges[bin_of] + rng.uniform(0.05, 0.95, size=points) * np.diff(edges)[bin_of]


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-6), ("f4", 1e-4)])
def test_heights(student, rng, dtype, rtol):
    """Against the density that scipy makes of the counts; x of three shapes."""
    edges, train = histogram(rng, bins=7, points=40)
    exact = stats.rv_histogram(np.histogram(train, edges), density=False)
    for shape in ((), (9,), (2, 1, 4)):
        bin_of = rng.integers(0, 7, size=shape)
        x = edges[bin_of] + rng.uniform(0.05, 0.95, size=shape) * np.diff(edges)[bin_of]
        answer = student.histogram_log_density(train.astype(dtype), edges.astype(dtype), np.asarray(x, dtype))
        np.testing.assert_allclose(answer, np.asarray(exact.logpdf(x), dtype), rtol=rtol, atol=rtol, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_areas(student, rng):
    """The area of each bin is the share of the points in it, and all areas together are one."""
    bins = 12
    edges, train = histogram(rng, bins, points=100)
    places = edges[:-1, None] + np.diff(edges)[:, None] * np.array([0.1, 0.5, 0.9])  # (K, 3): constant within a bin
    area = np.exp(student.histogram_log_density(train, edges, places)) * np.diff(edges)[:, None]
    share = [((low < train) & (train < high)).mean() for low, high in zip(edges[:-1], edges[1:], strict=True)]
    np.testing.assert_allclose(area, np.tile(share, (3, 1)).T, rtol=1e-6, strict=True)
    np.testing.assert_allclose(area.sum(0), np.ones(3), rtol=1e-6)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_edges(student, rng):
    """All points of train are edges, and so are those that are scored."""
    edges = np.cumsum(rng.integers(1, 5, size=6)) / 4 - 2.0
    times = rng.integers(1, 6, size=6)
    counts = np.array([*times[:4], times[4] + times[5]])  # the last edge belongs to the last bin
    exact = np.log([int(n) / (int(times.sum()) * width) for n, width in zip(counts, np.diff(edges), strict=True)])
    train = rng.permutation(np.repeat(edges, times))
    answer = student.histogram_log_density(train, edges, edges)
    np.testing.assert_allclose(answer, exact[[0, 1, 2, 3, 4, 4]], rtol=1e-6, atol=1e-6, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_no_mass(student, rng):
    """Empty bins, one of them at an end, and places beyond the edges: one end has mass, the other has none."""
    edges, train = histogram(rng, bins=8, points=50)
    empty = [int(rng.integers(2, 6)), 7]
    kept = train[~np.isin(np.searchsorted(edges, train) - 1, empty)]
    middle = (edges[1:] + edges[:-1]) / 2
    x = np.array([*middle, *edges[empty], edges[-1], edges[0] - 1e-3, edges[-1] + 1e-3, -1e6, 1e6])
    mass = np.array([k not in empty for k in range(8)] + [False] * 7)
    answer = student.histogram_log_density(kept, edges, x)
    assert answer.shape == x.shape
    np.testing.assert_array_equal(np.isneginf(answer), ~mass)
    np.testing.assert_allclose(np.exp(answer[:8]) @ np.diff(edges), 1.0, rtol=1e-6)


def one_by_one(x, group, h):
    """log p_{-g(i)}(x_i) for each i, (N,): the mean of scipy's densities around the points of other groups."""
    answer = []
    for here, own in zip(x, group, strict=True):
        densities = [stats.multivariate_normal(one, h**2).pdf(here) for one in x[group != own]]
        answer.append(np.log(np.mean(densities)))
    return np.array(answer)


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-6), ("f4", 1e-3)])
def test_few_points(student, rng, dtype, tolerance):
    for d in (1, 3):
        x, bandwidth = rng.normal(size=(7, d)).astype(dtype), rng.uniform(0.5, 2.0, size=3).astype(dtype)
        group = rng.permutation([-4, -4, -4, 0, 7, 7, 100])
        exact = np.stack([one_by_one(x.astype("f8"), group, h) for h in bandwidth.astype("f8")])
        answer = student.leave_group_out(x, group, bandwidth)
        np.testing.assert_allclose(answer, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_copies(student, rng):
    """Points that are equal, at places far apart: only copies of a point in other groups count."""
    places, copies, d = 5, 4, 2
    x = 100.0 * np.arange(places)[:, None] + rng.normal(size=(places, d))
    place = np.repeat(np.arange(places), copies)
    group = np.tile([1, 2, 2, 3], places)  # the second and the third copy of each place in the same group
    order = rng.permutation(places * copies)
    bandwidth = rng.uniform(0.5, 2.0, size=2)
    seen = np.array(
        [((place == p) & (group != g)).sum() / (group != g).sum() for p, g in zip(place, group, strict=True)]
    )
    exact = np.log(seen) - d / 2 * np.log(2 * np.pi * bandwidth**2)[:, None]
    answer = student.leave_group_out(x[place][order], group[order], bandwidth)
    np.testing.assert_allclose(answer, exact[:, order], rtol=1e-6, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_all_equally_far(student, rng):
    """The corners of a simplex: every kernel has the same value, and the mean is any one of them."""
    d = 30
    side, shift = rng.uniform(0.5, 2.0), rng.normal(size=d)
    bandwidth = side * np.array([1e-4, 1e-3, 0.1, 10.0])  # the two narrow ones round to zero, as kernels
    of_one = -((side / bandwidth) ** 2) - d / 2 * np.log(2 * np.pi * bandwidth**2)  # corners are sqrt(2) sides apart
    answer = student.leave_group_out(side * np.eye(d) + shift, rng.permutation(np.arange(d) // 3), bandwidth)
    np.testing.assert_allclose(answer, np.tile(of_one, (d, 1)).T, rtol=1e-6, atol=1e-6, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_a_group_far_away(student, rng):
    """Two points a distance r apart see each other, and a group far away sees the nearer of them."""
    r, far = rng.uniform(0.5, 1.5), rng.uniform(900, 1100)
    x = np.array([[0.0], [r], [-far], [-far], [-far]])
    bandwidth = rng.uniform(0.3, 1.0, size=4)
    constant = np.log(bandwidth * np.sqrt(2 * np.pi))
    near = -0.5 * (r / bandwidth) ** 2 - np.log(4) - constant
    away = -0.5 * (far / bandwidth) ** 2 - np.log(2) - constant
    away = away + np.log1p(np.exp(-0.5 * (r**2 + 2 * far * r) / bandwidth**2))  # the farther of the two
    answer = student.leave_group_out(x, np.array([5, 6, 7, 7, 7]), bandwidth)
    np.testing.assert_allclose(answer, np.stack([near, near, away, away, away], axis=1), rtol=1e-6, strict=True)

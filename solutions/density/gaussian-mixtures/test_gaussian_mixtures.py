"""Graded tests of `density/gaussian-mixtures`. Densities are scipy's or known by construction."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp


def mixture(rng, components, d):
    """Weights (K,), means (K, d) and full covariances (K, d, d), well conditioned."""
    factors = rng.normal(size=(components, d, d)) / np.sqrt(d)
    covariances = factors @ factors.transpose(0, 2, 1) + rng.uniform(0.3, 0.6) * np.eye(d)
    return rng.dirichlet(np.full(components, 4.0)), rng.normal(size=(components, d)), covariances


def bayes(x, weights, means, covariances):
    """Responsibilities and log p(x), from densities that are far from rounding to zero."""
    joint = np.stack(
        [
            w * np.atleast_1d(stats.multivariate_normal(m, c).pdf(x))
            for w, m, c in zip(weights, means, covariances, strict=True)
        ],
        -1,
    )
    return joint / joint.sum(-1, keepdims=True), np.log(joint.sum(-1))


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-9), ("f4", 2e-3)])
def test_bayes(student, rng, dtype, tolerance):
    parameters = [a.astype(dtype) for a in mixture(rng, components=4, d=3)]
    x = rng.normal(size=(6, 3)).astype(dtype)
    exact = bayes(x.astype("f8"), *(a.astype("f8") for a in parameters))
    answer = student.e_step(x, *parameters)
    for given, right in zip(answer, exact, strict=True):
        np.testing.assert_allclose(given, right.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_a_component_without_weight(student, rng):
    """It is responsible for nothing, and the answer is that of the others, also for a single point."""
    weights, means, covariances = mixture(rng, components=5, d=2)
    gone = int(rng.integers(0, 5))
    weights[gone] = 0.0
    weights /= weights.sum()
    others = np.arange(5) != gone
    x = rng.normal(size=(1, 2))
    right, log_prob = bayes(x, weights[others], means[others], covariances[others])
    responsibilities, answer = student.e_step(x, weights, means, covariances)
    np.testing.assert_allclose(responsibilities, np.insert(right, gone, 0.0, axis=1), rtol=1e-8, strict=True)
    np.testing.assert_allclose(answer, log_prob, rtol=1e-8, atol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_points_far_away(student, rng):
    """Made from whitened offsets, so that distances are known: some hundred standard deviations from everything."""
    components, points, d = 3, 5, 4
    weights, means, covariances = mixture(rng, components, d)
    common = np.linalg.cholesky(covariances[0])
    offset = rng.normal(size=(components, d))
    whitened = rng.normal(size=(points, d)) + 300.0 * rng.choice([-1.0, 1.0], size=(points, d))
    distance = ((whitened[:, None] - offset) ** 2).sum(-1)  # (B, K)
    log_joint = np.log(weights) - 0.5 * distance - np.log(np.diag(common)).sum() - d / 2 * np.log(2 * np.pi)
    log_prob = logsumexp(log_joint, axis=1)
    same = np.broadcast_to(common @ common.T, (components, d, d)).copy()
    responsibilities, answer = student.e_step(
        means[0] + whitened @ common.T, weights, means[0] + offset @ common.T, same
    )
    np.testing.assert_allclose(
        responsibilities, np.exp(log_joint - log_prob[:, None]), rtol=1e-4, atol=1e-6, strict=True
    )
    np.testing.assert_allclose(answer, log_prob, rtol=1e-8, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_many_dimensions(student, rng):
    """The determinants of 300 dimensions are far below the smallest float, or far above the largest."""
    d = 300
    shape = np.eye(d) + np.tril(rng.normal(size=(d, d)), k=-1) / d
    scales = np.array([1e-3, 2e-3, 1e3])
    factors = scales[:, None, None] * shape
    whitened = rng.normal(size=(4, d))
    x = 1e-3 * whitened @ shape.T  # at one standard deviation of the first, half of one of the second
    weights = rng.dirichlet([4.0, 4.0, 4.0])
    squared = (whitened**2).sum(-1)[:, None] * (1e-3 / scales) ** 2  # (B, K)
    log_joint = np.log(weights) - 0.5 * squared - d * np.log(scales * np.sqrt(2 * np.pi))
    log_prob = logsumexp(log_joint, axis=1)
    covariances = factors @ factors.transpose(0, 2, 1)
    responsibilities, answer = student.e_step(x, weights, np.zeros((3, d)), covariances)
    np.testing.assert_allclose(answer, log_prob, rtol=1e-7, strict=True)
    np.testing.assert_allclose(responsibilities, np.exp(log_joint - log_prob[:, None]), atol=1e-6, strict=True)


def shared(rng, points, components, parts=8):
    """Responsibilities in eighths, (N, K), and how many eighths they are."""
    eighths = rng.multinomial(parts, np.full(components, 1 / components), size=points)
    eighths[:components] = parts * np.eye(components, dtype=int)  # each component has a point of its own at least
    return eighths / parts, eighths


def counted(x, eighths, floor):
    """Weights, means and covariances of components whose points are repeated once for each eighth."""
    repeated = [np.repeat(x, times, axis=0) for times in eighths.T]
    weights = np.array([len(a) for a in repeated]) / eighths.sum()
    covariances = [np.cov(a.T, bias=True).reshape(2 * x.shape[1:]) + np.diag([floor] * x.shape[1]) for a in repeated]
    return weights, np.array([a.mean(0) for a in repeated]), np.array(covariances)


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-9), ("f4", 1e-4)])
def test_repeated_points(student, rng, dtype, tolerance):
    for d in (1, 3):
        x, (responsibilities, eighths) = rng.normal(size=(20, d)).astype(dtype), shared(rng, 20, 4)
        floor = float(rng.uniform(0.1, 1.0))
        answer = student.m_step(x, responsibilities.astype(dtype), floor)
        for given, right in zip(answer, counted(x.astype("f8"), eighths, floor), strict=True):
            np.testing.assert_allclose(given, right.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_never_singular(student, rng):
    """One component has a single point, another one a line of them: the floor is the variance that is left."""
    d, n = 4, 12
    direction = np.linalg.qr(rng.normal(size=(d, d)))[0][0]
    along = rng.normal(size=n)
    centre, single = rng.normal(size=(2, d))
    x = np.vstack([single, centre + along[:, None] * direction])
    responsibilities = np.zeros((n + 1, 2))
    responsibilities[0, 0] = responsibilities[1:, 1] = 1.0
    floor = float(rng.uniform(0.05, 0.1))
    weights, means, covariances = student.m_step(x, responsibilities, floor)
    np.testing.assert_allclose(weights, np.array([1, n]) / (n + 1), rtol=1e-10, strict=True)
    np.testing.assert_allclose(means, np.array([single, centre + along.mean() * direction]), rtol=1e-8, atol=1e-10)
    exact = np.full((2, d), floor)
    exact[1, -1] += np.mean((along - along.mean()) ** 2)
    np.testing.assert_allclose(np.linalg.eigvalsh(covariances), exact, rtol=1e-8, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_a_component_that_is_hardly_there(student, rng):
    """Its parameters do not change when all its responsibilities are divided by a thousand million."""
    x, (responsibilities, eighths) = rng.normal(size=(15, 3)), shared(rng, 15, 3)
    _, means, covariances = counted(x, eighths, 0.01)
    responsibilities[:, 0] *= 1e-9
    responsibilities[:, 1] = 1.0 - responsibilities[:, 0] - responsibilities[:, 2]
    weights, *answer = student.m_step(x, responsibilities, 0.01)
    np.testing.assert_allclose(weights[0], eighths[:, 0].sum() / 8e9 / 15, rtol=1e-5)
    np.testing.assert_allclose(answer[0][[0, 2]], means[[0, 2]], rtol=1e-5, atol=1e-7, strict=True)
    np.testing.assert_allclose(answer[1][[0, 2]], covariances[[0, 2]], rtol=1e-5, atol=1e-7, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_far_from_the_origin(student, rng):
    """A shift moves the means and nothing else; all numbers are multiples of 1/64, so that the shift is exact."""
    x, (responsibilities, eighths) = np.round(rng.normal(size=(30, 2)) * 64) / 64, shared(rng, 30, 3)
    shift = np.array([2.0**24, -(2.0**25)])
    weights, means, covariances = counted(x, eighths, 1e-4)
    answer = student.m_step(x + shift, responsibilities, 1e-4)
    np.testing.assert_allclose(answer[0], weights, rtol=1e-10, strict=True)
    np.testing.assert_allclose(answer[1], means + shift, rtol=1e-12, strict=True)
    np.testing.assert_allclose(answer[2], covariances, rtol=1e-4, atol=1e-5, strict=True)

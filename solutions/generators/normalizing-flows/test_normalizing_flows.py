"""Graded tests of `generators/normalizing-flows`: layers as matrices, volumes by complex steps, bits from tables."""

import numpy as np
import pytest
from scipy.special import ndtr

STEP = 1e-20  # of a complex step: the imaginary part of f(v + i STEP) is STEP times the derivative, exactly


def masks(rng, layers, size):
    """Which entries each layer keeps, (L, d): at least one, and not all."""
    keep = rng.uniform(size=(layers, size)) < 0.5
    for row in keep:
        row[rng.permutation(size)[:2]] = [True, False]
    return keep


def network(rng, kept, changed):
    """Log-scales and shifts that are not linear in what they see, small enough for everything to stay moderate."""
    first, second = rng.normal(size=(2, changed, kept)) * 0.8
    offset = rng.normal(size=(2, changed))

    def call(a):
        assert a.shape[1:] == (kept,)
        wide = a if np.iscomplexobj(a) else a.astype("f8")
        log_scale = 0.7 * np.sin(wide @ first.T + offset[0])
        return log_scale.astype(a.dtype), (np.tanh(wide @ second.T + offset[1]) * 2).astype(a.dtype)

    return call


def stack(rng, layers, size):
    """Masks, (L, d), and networks."""
    keep = masks(rng, layers, size)
    return keep, [network(rng, int(row.sum()), int((~row).sum())) for row in keep]


def one_by_one(z, keep, networks):
    """x, vector by vector and entry by entry."""
    x = z.copy()
    for vector in x:
        for kept, layer in zip(keep, networks, strict=True):
            log_scale, shift = layer(vector[None, kept])
            for i, place in enumerate(np.flatnonzero(~kept)):
                vector[place] = vector[place] * np.exp(log_scale[0, i]) + shift[0, i]
    return x


def slopes(function, at):
    """The Jacobian of a map of vectors at each row of ``at``, (B, d, d), by complex steps."""
    return np.stack([function(at + 1j * STEP * unit).imag / STEP for unit in np.eye(at.shape[1])], axis=-1)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_linear_networks(student, rng):
    """With fixed scales and linear shifts each layer is a matrix, and so are all together."""
    size, layers = 5, 4
    keep, networks, whole, offset = masks(rng, layers, size), [], np.eye(size), np.zeros(size)
    for kept in keep:
        log_scale, slope, start = rng.normal(size=size), rng.normal(size=(size, size)), rng.normal(size=size)
        matrix = np.where(kept[:, None], np.eye(size), np.where(kept, slope, np.diag(np.exp(log_scale))))
        whole, offset = matrix @ whole, matrix @ offset + np.where(kept, 0, start)
        fixed, slope, start = log_scale[~kept], slope[~kept][:, kept], start[~kept]
        networks.append(
            lambda a, fixed=fixed, slope=slope, start=start: (np.tile(fixed, (len(a), 1)), a @ slope.T + start)
        )
    given = rng.normal(size=(3, size))
    log_det = np.full(3, np.log(np.abs(np.linalg.det(whole))))
    x, there = student.to_data(given, keep, networks)
    np.testing.assert_allclose(x, given @ whole.T + offset, rtol=1e-8, atol=1e-8, strict=True)
    np.testing.assert_allclose(there, log_det, rtol=1e-8, atol=1e-8, strict=True)
    z, back = student.to_noise(given @ whole.T + offset, keep, networks)
    np.testing.assert_allclose(z, given, rtol=1e-6, atol=1e-6, strict=True)
    np.testing.assert_allclose(back, -log_det, rtol=1e-8, atol=1e-8, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_values(student, rng):
    for layers, size, batch in ((1, 2, 3), (5, 6, 4)):
        keep, networks = stack(rng, layers, size)
        z = rng.normal(size=(batch, size))
        exact = one_by_one(z, keep, networks)
        for dtype, tolerance in (("f8", 1e-9), ("f4", 1e-3)):
            x, _ = student.to_data(z.astype(dtype), keep, networks)
            np.testing.assert_allclose(x, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)
        back, _ = student.to_noise(exact, keep, networks)
        np.testing.assert_allclose(back, z, rtol=1e-7, atol=1e-7, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_volumes(student, rng):
    """The log-determinants against those of Jacobians, which complex steps give."""
    keep, networks = stack(rng, 4, 4)
    z = rng.normal(size=(3, 4))
    x = one_by_one(z, keep, networks)
    exact = np.log(np.abs(np.linalg.det(slopes(lambda moved: one_by_one(moved, keep, networks), z))))
    _, there = student.to_data(z, keep, networks)
    _, back = student.to_noise(x, keep, networks)
    np.testing.assert_allclose(there, exact, rtol=1e-7, atol=1e-7, strict=True)
    np.testing.assert_allclose(back, -exact, rtol=1e-7, atol=1e-7, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_deep_and_uneven(student, rng):
    """Twelve layers, of which some keep one entry and some all but one: back to the noise, with opposite volumes."""
    layers, size = 12, 7
    keep = np.zeros((layers, size), dtype=bool)
    for row, count in zip(keep, rng.permutation(np.arange(layers) % (size - 1) + 1), strict=True):
        row[rng.permutation(size)[:count]] = True
    networks = [network(rng, int(row.sum()), int((~row).sum())) for row in keep]
    z = rng.normal(size=(1, size))
    x, there = student.to_data(z, keep, networks)
    np.testing.assert_allclose(x, one_by_one(z, keep, networks), rtol=1e-8, atol=1e-8, strict=True)
    again, back = student.to_noise(x, keep, networks)
    np.testing.assert_allclose(again, z, rtol=1e-5, atol=1e-5, strict=True)
    np.testing.assert_allclose(back, -there, rtol=1e-5, atol=1e-5, strict=True)


def unit(v, alpha):
    """The y of each v."""
    return (1 / (1 + np.exp(-v)) - alpha) / (1 - 2 * alpha)


def flow(log_density, alpha):
    """log p(v), when ``log_density`` takes y (..., d) to the log-density of each entry, (..., d)."""

    def log_prob(v):
        wide = v.astype("f8")
        slope = unit(wide + 1j * STEP, alpha).imag / STEP  # dy/dv
        return (log_density(unit(wide, alpha)) + np.log(slope)).sum(-1).astype(v.dtype)

    return log_prob


def cells(tables):
    """The log-density of y that is flat in the cells of levels, whose probabilities are ``tables`` (d, levels)."""
    size, levels = tables.shape

    def log_density(y):
        cell = np.clip(np.floor(y * levels), 0, levels - 1).astype(int)
        return np.log(tables[np.arange(size), cell] * levels)

    return log_density


def images(rng, batch, shape, levels, draws):
    """Levels (B, *shape), and noise (S, B, *shape) not too near to the edges of a cell."""
    return rng.integers(levels, size=(batch, *shape)), rng.uniform(0.02, 0.98, size=(draws, batch, *shape))


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_probabilities_from_a_table(student, rng):
    """A flow that knows the probability of each level exactly; then the noise does not matter."""
    for levels, alpha, draws in ((256, 0.0, 1), (5, 0.05, 3), (2, 0.2, 2)):
        tables = rng.dirichlet(np.full(levels, 2.0), size=12)
        level, noise = images(rng, 4, (3, 2, 2), levels, draws)
        exact = -np.log2(tables[np.arange(12), level.reshape(4, 12)]).mean(-1)
        log_prob = flow(cells(tables), alpha)
        answer = student.bits_per_dimension(level, noise, log_prob, levels, alpha)
        np.testing.assert_allclose(answer, exact, rtol=1e-8, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_single_precision(student, rng):
    for levels, alpha in ((16, 0.05), (256, 0.01)):
        tables = rng.dirichlet(np.full(levels, 2.0), size=8)
        level, noise = images(rng, 3, (2, 1, 4), levels, 2)
        exact = -np.log2(tables[np.arange(8), level.reshape(3, 8)]).mean(-1)
        log_prob = flow(cells(tables), alpha)
        answer = student.bits_per_dimension(level, noise.astype("f4"), log_prob, levels, alpha)
        np.testing.assert_allclose(answer, exact.astype("f4"), rtol=1e-3, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_many_draws_fill_the_cell(student, rng):
    """One grey pixel, and a draw for each of many parts of its cell: the mean is the mass, from Gaussian tails."""
    levels, alpha, draws = 6, 0.1, 400
    center, width = rng.uniform(0.2, 0.8), rng.uniform(0.08, 0.2)
    level = np.arange(levels).reshape(levels, 1, 1, 1)
    noise = np.tile(((np.arange(draws) + 0.5) / draws).reshape(draws, 1, 1, 1, 1), (1, levels, 1, 1, 1))
    mass = np.diff(ndtr((np.arange(levels + 1) / levels - center) / width))
    gaussian = flow(lambda y: -0.5 * ((y - center) / width) ** 2 - np.log(width * np.sqrt(2 * np.pi)), alpha)
    answer = student.bits_per_dimension(level, noise, gaussian, levels, alpha)
    np.testing.assert_allclose(answer, -np.log2(mass), rtol=1e-3, atol=1e-3, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_thousands_of_dimensions(student, rng):
    """Densities of no use as floats. In the first pixel the density rises in y, so there the draws differ."""
    levels, alpha, draws, shape = 32, 0.02, 3, (3, 25, 40)
    size = int(np.prod(shape))
    flat = cells(rng.dirichlet(np.full(levels, 0.5), size=size) + 1e-9)

    def log_density(y):
        logs = flat(y)
        logs[..., 0] = 5 * np.log(y[..., 0])  # not normalised, which is not asked
        return logs

    level, noise = images(rng, 3, shape, levels, draws)
    inside = (level + 0.5) / levels
    others = flat(inside.reshape(3, size))[:, 1:].sum(-1)  # (B,)
    first = (((level + noise) / levels).reshape(draws, 3, size)[..., 0] ** 5).mean(0)  # (B,)
    exact = np.log2(levels) - (others + np.log(first)) / np.log(2) / size
    answer = student.bits_per_dimension(level, noise, flow(log_density, alpha), levels, alpha)
    np.testing.assert_allclose(answer * size, exact * size, rtol=1e-8, atol=1e-5, strict=True)

"""Graded tests of `generators/discrete-samples`. Softmaxes are ratios of powers, slopes complex steps, means sums."""

import itertools

import numpy as np
import pytest

STEP = 1e-20  # of a complex step: the imaginary part of f(a + i STEP) is STEP times the derivative, exactly

either_precision = pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-9), ("f4", 1e-3)])


def powers(logits, uniform, temperature):
    """The relaxed draw: entry k is proportional to (exp(a_k) / E_k) ** (1 / temperature), where E_k = -log u_k."""
    rates = np.exp(logits) / -np.log(uniform.astype("f8"))  # (..., K)
    return 1 / ((rates[..., None, :] / rates[..., :, None]) ** (1 / temperature)).sum(-1)


def derivatives(function, at):
    """The Jacobian of a function of logits, which takes and returns (..., K): (..., K of the value, K of the logit)."""
    return np.stack([function(at + 1j * STEP * unit).imag / STEP for unit in np.eye(at.shape[-1])], axis=-1)


def draws(rng, *shape, dtype="f8"):
    """Logits and uniform numbers, in which the winner is ahead, so that rounding cannot make it another one."""
    logits, uniform = rng.normal(size=shape) * 1.5, rng.uniform(0.01, 0.99, size=shape)
    ahead = (np.exp(logits) / -np.log(uniform)).argmax(-1, keepdims=True)
    np.put_along_axis(logits, ahead, np.take_along_axis(logits, ahead, -1) + 0.1, -1)
    return logits.astype(dtype), uniform.astype(dtype)


def black_box(rng, categories):
    """The slopes of some function that is not linear: (..., K) to (..., K)."""
    matrix, offset = rng.normal(size=(categories, categories)) * 2, rng.normal(size=categories)
    return lambda y: (np.cos(y.astype("f8") @ matrix + offset) @ matrix.T).astype(y.dtype)


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@either_precision
def test_relaxed(student, rng, dtype, tolerance):
    for shape, temperature in (((5, 3), 0.5), ((4,), 2.0), ((2, 3, 6), 1.0)):
        logits, uniform = draws(rng, *shape, dtype=dtype)
        exact = powers(logits.astype("f8"), uniform, temperature)
        answer = student.relaxed(logits, uniform, temperature)
        np.testing.assert_allclose(answer, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_the_draws_have_the_probabilities(student, rng):
    """Two categories and an even grid of uniform numbers: the share of draws, and of large entries of y, is pi."""
    logits = rng.uniform(-1.5, 1.5, size=2)
    middles = (np.arange(200) + 0.5) / 200
    uniform = np.array(list(itertools.product(middles, middles)))  # (40000, 2)
    many = np.tile(logits, (len(uniform), 1))
    probability = np.exp(logits) / np.exp(logits).sum()
    for temperature in (0.3, 3.0):
        y = student.relaxed(many, uniform, temperature)
        np.testing.assert_allclose(y.sum(-1), 1.0, rtol=1e-9)
        np.testing.assert_allclose((y > 0.5).mean(0), probability, atol=0.01)
        h, _ = student.straight_through(many, uniform, temperature, lambda h: h)
        np.testing.assert_allclose(h.mean(0), probability, atol=0.01, strict=True)
        np.testing.assert_array_equal(h.argmax(-1), y.argmax(-1))


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@either_precision
def test_straight_through(student, rng, dtype, tolerance):
    for shape, temperature in (((6, 4), 0.7), ((2, 3, 3), 1.5), ((5,), 0.4)):
        logits, uniform = draws(rng, *shape, dtype=dtype)
        wide = logits.astype("f8")
        winner = (np.exp(wide) / -np.log(uniform.astype("f8"))).argmax(-1)
        h = np.eye(shape[-1])[winner].astype(dtype)
        slope = black_box(rng, shape[-1])
        moves = derivatives(lambda a, u=uniform, t=temperature: powers(a, u, t), wide)
        exact = np.einsum("...k,...kj->...j", slope(h).astype("f8"), moves)
        answer, gradient = student.straight_through(logits, uniform, temperature, slope)
        np.testing.assert_array_equal(answer, h, strict=True)
        np.testing.assert_allclose(gradient, exact.astype(dtype), rtol=tolerance, atol=tolerance * 10, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_at_the_edges(student, rng):
    """Uniform numbers near 0 and 1; then temperatures and logits for which exponentials are no floats."""
    logits = rng.normal(size=(4, 4))
    uniform = np.tile([1e-12, 1 - 1e-12, 0.5, 1e-7], (4, 1))
    logits[:, 1] -= 27  # the largest noise is about 27.6
    logits[:, [0, 3]] += 3  # the smallest about -3.3
    for temperature in (0.5, 5.0):
        answer = student.relaxed(logits, uniform, temperature)
        exact = powers(logits, uniform, temperature)
        np.testing.assert_allclose(answer, exact, rtol=1e-6, atol=1e-12, strict=True)
    shifted, common = rng.normal(size=(3, 5)), rng.uniform(0.01, 0.99, size=(3, 5))
    for shift, temperature in ((2000.0, 0.8), (-2000.0, 0.8), (100.0, 0.02)):
        noisy = shifted - np.log(-np.log(common))
        gaps = (noisy[:, None, :] - noisy[:, :, None]) / temperature
        exact = 1 / np.exp(np.minimum(gaps, 700)).sum(-1)
        answer = student.relaxed(shifted + shift, common, temperature)
        np.testing.assert_allclose(answer, exact, rtol=1e-7, atol=1e-12, strict=True)


def log_probability(logits, drawn):
    """log p of the vectors drawn, (..., B, D), under logits (B, D, K), which may be complex: (..., B)."""
    weights = np.exp(logits)
    chosen = (weights * (drawn[..., None] == np.arange(weights.shape[-1]))).sum(-1)  # (..., B, D)
    return np.log(chosen / weights.sum(-1)).sum(-1)


def scores(logits, drawn):
    """The derivatives of log p of each draw in every logit, (S, B, D, K)."""
    units = np.eye(logits[0].size).reshape(-1, *logits.shape[1:])
    slopes = [log_probability(logits + 1j * STEP * unit, drawn).imag / STEP for unit in units]  # (S, B) each
    return np.stack(slopes, axis=-1).reshape(*drawn.shape, logits.shape[-1])


def estimates(logits, drawn, values):
    """Each draw's value against every other one in turn, which is the same as against their mean."""
    against = np.stack([np.delete(values, s, axis=0) for s in range(len(values))])  # (S, S - 1, B)
    return (values[:, None] - against).mean(1)[:, :, None, None] * scores(logits, drawn)


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.public
@either_precision
def test_values(student, rng, dtype, tolerance):
    for count, batch, variables, categories in ((2, 1, 1, 2), (5, 3, 4, 3)):
        logits = rng.normal(size=(batch, variables, categories)).astype(dtype)
        drawn = rng.integers(categories, size=(count, batch, variables))
        values = (rng.normal(size=(count, batch)) * 5 + 3).astype(dtype)
        exact = estimates(logits.astype("f8"), drawn, values.astype("f8"))
        answer = student.leave_one_out_estimates(logits, drawn, values)
        np.testing.assert_allclose(answer, exact.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


def every_draw(categories, variables, count):
    """All that can be drawn as a batch: (S, B, D)."""
    vectors = list(itertools.product(range(categories), repeat=variables))
    return np.moveaxis(np.array(list(itertools.product(vectors, repeat=count))), 1, 0)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_no_bias(student, rng):
    """The estimates of each draw, summed over all that can be drawn: the slopes of E[f], from the table of f."""
    for categories, variables, count in ((4, 1, 3), (2, 2, 3), (3, 2, 2)):
        logits = rng.normal(size=(1, variables, categories))
        table = rng.normal(size=(categories,) * variables) * 3 + 10
        vectors = every_draw(categories, variables, 1)[0]  # (K ** D, D)

        def mean(a, table=table, vectors=vectors):
            return (np.exp(log_probability(a, vectors)) * table[tuple(vectors.T)]).sum()

        units = np.eye(logits.size).reshape(-1, *logits.shape)
        exact = np.array([mean(logits + 1j * STEP * unit).imag / STEP for unit in units]).reshape(logits.shape[1:])
        drawn = every_draw(categories, variables, count)
        values = table[tuple(np.moveaxis(drawn, -1, 0))]  # (S, B)
        many = np.repeat(logits, drawn.shape[1], axis=0)
        probability = np.exp(log_probability(many, drawn).sum(0))  # (B,)
        answer = student.leave_one_out_estimates(many, drawn, values)
        np.testing.assert_allclose(
            np.einsum("b,sbdk->sdk", probability, answer), np.stack([exact] * count), rtol=1e-8, atol=1e-9, strict=True
        )


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_a_constant_does_nothing(student, rng):
    """A loss that is the same for all draws of an example teaches nothing; nor does what is added to all values."""
    logits, drawn = rng.normal(size=(3, 2, 4)), rng.integers(4, size=(6, 3, 2))
    values = rng.normal(size=(6, 3))
    shift = rng.uniform(50, 100, size=3)
    exact = estimates(logits, drawn, values)
    answer = student.leave_one_out_estimates(logits, drawn, values + shift)
    np.testing.assert_allclose(answer, exact, rtol=1e-8, atol=1e-9, strict=True)
    same = student.leave_one_out_estimates(logits, drawn, np.tile(shift, (6, 1)))
    np.testing.assert_allclose(same, np.zeros((6, 3, 2, 4)), atol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_examples_do_not_mix(student, rng):
    """A batch at once, and its examples one by one; axes of length one stay."""
    logits, drawn = rng.normal(size=(4, 3, 2)), rng.integers(2, size=(3, 4, 3))
    values = rng.normal(size=(3, 4)) * np.array([1.0, 10.0, 100.0, 1000.0])
    exact = estimates(logits, drawn, values)
    answer = student.leave_one_out_estimates(logits, drawn, values)
    np.testing.assert_allclose(answer, exact, rtol=1e-8, atol=1e-9, strict=True)
    for b in range(4):
        alone = student.leave_one_out_estimates(logits[b : b + 1], drawn[:, b : b + 1], values[:, b : b + 1])
        np.testing.assert_allclose(alone, exact[:, b : b + 1], rtol=1e-8, atol=1e-9, strict=True)

"""Graded tests of `autoregressive/chain-rule`. Answers are held against sums over all images, and against sets."""

import itertools

import numpy as np
import pytest


def every_image(d):
    """All binary images of d pixels, (2 ** d, d)."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=d)))


def log_of_logistic(logit):
    """log of 1 / (1 + exp(-a)), from the two tails."""
    return np.minimum(logit, 0.0) - np.log1p(np.exp(-np.abs(logit)))


def known(order, degrees):
    """The set of pixels that each unit of a layer may know."""
    return [set(order[:degree]) for degree in degrees]


def allowed(order, degrees):
    """The masks, entry by entry, from what is known on both sides of a connection."""
    pixels = [{j} for j in range(len(order))]
    before = [set(order[: order.index(i)]) for i in range(len(order))]
    layers = [pixels, *(known(order, layer) for layer in degrees), before]
    return [np.array([[b <= a for b in below] for a in above]) for below, above in itertools.pairwise(layers)]


def draw_order(rng, d):
    """An order that is not its own inverse: then the order and the places differ."""
    while True:
        order = rng.permutation(d)
        if (np.argsort(order) != order).any():
            return order.tolist()


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_every_conditional(student, rng):
    """From the sum over all images: their total, and the log-odds of each pixel given those before it."""
    d = 6
    weight, bias, images = rng.normal(size=(d, d)), rng.normal(size=d), every_image(d)
    answer = student.log_likelihood(images, weight, bias)
    assert answer.shape == (2**d,)
    table = np.exp(answer).reshape([2] * d)
    np.testing.assert_allclose(table.sum(), 1.0, rtol=1e-9)
    for i in range(d):
        marginal = table.sum(axis=tuple(range(i + 1, d)))  # of the first i + 1 pixels
        log_odds = np.log(marginal[..., 1] / marginal[..., 0]).flatten()  # (2 ** i,)
        np.testing.assert_allclose(log_odds, bias[i] + every_image(i) @ weight[i, :i], rtol=1e-8, atol=1e-9)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_leading_axes_and_weights_that_do_not_count(student, rng):
    """Nothing below the diagonal: the pixels are independent, whatever the rest of the matrix says."""
    d = 5
    of_one = rng.uniform(0.1, 0.9, size=d)
    weight = np.triu(rng.uniform(10, 100, size=(d, d)))
    for shape in ((), (3,), (2, 1, 4)):
        x = rng.integers(0, 2, size=(*shape, d)).astype("f8")
        exact = np.log(np.abs(1 - x - of_one)).sum(-1)
        answer = student.log_likelihood(x, weight, np.log(of_one / (1 - of_one)))
        np.testing.assert_allclose(answer, exact, rtol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-9), ("f4", 1e-4)])
def test_a_chain_of_many_pixels(student, rng, dtype, rtol):
    """Each pixel looks at the one before it: a Markov chain, whose transitions are counted."""
    d = 400
    first, after_zero, after_one = np.log([[0.3, 0.7], [0.8, 0.2], [0.4, 0.6]]) + rng.uniform(-0.1, 0.1, size=(3, 2))
    weight = rng.normal(size=(d, d))
    weight[np.tril_indices(d, -1)] = 0.0
    np.fill_diagonal(weight[1:], (after_one[1] - after_one[0]) - (after_zero[1] - after_zero[0]))
    bias = np.full(d, after_zero[1] - after_zero[0])
    bias[0] = first[1] - first[0]
    x = rng.integers(0, 2, size=(3, d))
    exact = (first - np.logaddexp(*first))[x[:, 0]]
    for row, log_odds in ((0, after_zero), (1, after_one)):
        normalised = log_odds - np.logaddexp(*log_odds)
        for value in (0, 1):
            count = ((x[:, :-1] == row) & (x[:, 1:] == value)).sum(-1)
            exact = exact + count * normalised[value]
    answer = student.log_likelihood(x.astype(dtype), weight.astype(dtype), bias.astype(dtype))
    np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_nearly_certain_pixels(student, rng):
    """Logits of about 1000: a pixel that agrees costs nothing, one that does not costs the logit."""
    d = 8
    bias = rng.uniform(800, 1200, size=d) * rng.choice([-1.0, 1.0], size=d)
    bias[:2] = 1000.0, -1000.0
    likely = (bias > 0).astype("f8")
    x = np.stack([likely, 1 - likely, likely])
    x[2, :4] = 1 - likely[:4]
    exact = -np.stack([0 * bias[0], np.abs(bias).sum(), np.abs(bias[:4]).sum()])
    for dtype, rtol in (("f8", 1e-9), ("f4", 1e-5)):
        answer = student.log_likelihood(x.astype(dtype), np.zeros((d, d), dtype), bias.astype(dtype))
        np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, atol=1e-12, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_hidden_layer(student, rng):
    order = draw_order(rng, 5)
    degrees = rng.permutation([0, 1, 1, 2, 3, 4, 5])
    answer = student.masks(order, [degrees])
    assert len(answer) == 2
    for mask, exact in zip(answer, allowed(order, [degrees]), strict=True):
        np.testing.assert_array_equal(mask, exact, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_without_hidden_layers(student, rng):
    for d in (1, 6):
        order = draw_order(rng, d) if d > 2 else [0]
        (mask,) = student.masks(order, [])
        (exact,) = allowed(order, [])
        np.testing.assert_array_equal(mask, exact, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_several_hidden_layers(student, rng):
    d = 7
    order = draw_order(rng, d)
    degrees = [rng.permutation([*range(d + 1), *rng.integers(0, d + 1, size=extra)]) for extra in (1, 5, 0)]
    answer = student.masks(order, degrees)
    assert len(answer) == 4
    for mask, exact in zip(answer, allowed(order, degrees), strict=True):
        np.testing.assert_array_equal(mask, exact, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_a_masked_network_is_a_distribution(student, rng):
    """Its probabilities sum to one over all images, and each output is reached from exactly the pixels before it."""
    d = 5
    order = draw_order(rng, d)
    degrees = [rng.permutation(np.repeat(np.arange(d), 2)), rng.permutation(np.repeat(np.arange(d), 3))]
    answer = student.masks(order, degrees)
    images = every_image(d)
    h, paths = images, np.eye(d)
    for k, mask in enumerate(answer):
        weight = rng.normal(size=mask.shape) * mask
        a = h @ weight.T + rng.normal(size=len(mask))
        h = np.tanh(a) if k < 2 else a
        paths = mask.astype("f8") @ paths
    log_prob = log_of_logistic((2 * images - 1) * h).sum(-1)
    np.testing.assert_allclose(np.exp(log_prob).sum(), 1.0, rtol=1e-9)
    np.testing.assert_array_equal(paths > 0, allowed(order, [])[0])

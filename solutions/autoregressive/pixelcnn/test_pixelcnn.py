"""Graded tests of `autoregressive/pixelcnn`. Masks are held against the order of drawing, levels against integrals."""

import numpy as np
import pytest
from scipy.special import logsumexp


def colours(counts):
    """The colour of each feature."""
    return np.array([colour for colour, count in enumerate(counts) for _ in range(count)])


def kernel(kind, outputs, inputs, rows, columns):
    """The mask, from when each feature of the kernel's window is drawn, all numbered in one long list."""
    drawn = np.arange(rows * columns * len(inputs)).reshape(rows, columns, len(inputs))
    when = np.moveaxis(drawn, 2, 0)[colours(inputs)]  # (I, rows, columns)
    now = drawn[rows // 2, columns // 2, colours(outputs)][:, None, None, None]  # (O, 1, 1, 1)
    return when < now if kind == "A" else when <= now


def convolved(x, weight):
    """The cross-correlation of x (I, H, W) with kernels (O, I, rows, columns), zeros around: (O, H, W)."""
    rows, columns = weight.shape[2:]
    padded = np.pad(x, ((0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(1, 2))  # (I, H, W, rows, columns)
    return np.einsum("ihwrc,oirc->ohw", windows, weight)


def mixture(rng, *shape, parts, low, high, narrow=-1.0, wide=1.5):
    """Logits, means and log-scales, (*shape, K) each."""
    logits, means = rng.normal(size=(*shape, parts)), rng.uniform(low, high, size=(*shape, parts))
    return logits, means, rng.uniform(narrow, wide, size=(*shape, parts))


def integral(level, means, log_scales, levels):
    """The density of each part integrated over a level, (..., K), by Gauss-Legendre; the ends to 60 scales further."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    level, scales = level[..., None], np.exp(log_scales)
    left = np.where(level == 0, np.minimum(means, level) - 60 * scales, level - 0.5)
    right = np.where(level == levels - 1, np.maximum(means, level) + 60 * scales, level + 0.5)
    pieces = np.linspace(0, 1, 101)
    ends = left[..., None] + (right - left)[..., None] * pieces  # (..., K, 101)
    half = np.diff(ends)[..., None] / 2
    z = (ends[..., :-1, None] + half * (nodes + 1) - means[..., None, None]) / scales[..., None, None]
    density = 1 / (4 * scales[..., None, None] * np.cosh(z / 2) ** 2)
    return (density * half * weights).sum(axis=(-2, -1))


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_grey(student, rng):
    """One colour: mask A leaves the middle out, mask B keeps it."""
    for kind in ("A", "B"):
        outputs, inputs = (int(n) for n in rng.integers(1, 5, size=2))
        answer = student.kernel_mask(kind, (outputs,), (inputs,), 5, 7)
        np.testing.assert_array_equal(answer, kernel(kind, (outputs,), (inputs,), 5, 7), strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_three_colours(student, rng):
    for kind in ("A", "B"):
        outputs, inputs = (tuple(rng.permutation([1, 2, 3]).tolist()) for _ in range(2))
        answer = student.kernel_mask(kind, outputs, inputs, 3, 3)
        np.testing.assert_array_equal(answer, kernel(kind, outputs, inputs, 3, 3), strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_other_kernels_and_colours(student, rng):
    for rows, columns in ((1, 1), (1, 5), (7, 3)):
        outputs, inputs = (tuple(rng.integers(1, 4, size=4).tolist()) for _ in range(2))
        for kind in ("A", "B"):
            answer = student.kernel_mask(kind, outputs, inputs, rows, columns)
            np.testing.assert_array_equal(answer, kernel(kind, outputs, inputs, rows, columns), strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_what_two_layers_see(student, rng):
    """One number of a small image is changed at a time: which outputs of a masked network move?"""
    middle = (2, 1, 3)
    first = student.kernel_mask("A", middle, (1, 1, 1), 3, 3)
    second = student.kernel_mask("B", (1, 1, 1), middle, 3, 3)
    weights = [rng.uniform(0.5, 1, size=mask.shape) * mask for mask in (first, second)]
    height, width = 3, 4
    seen = np.zeros((3, height, width, 3, height, width), dtype=bool)
    for place in np.ndindex(3, height, width):
        x = np.zeros((3, height, width))
        x[place] = 1.0
        seen[(..., *place)] = convolved(convolved(x, weights[0]), weights[1]) > 0
    drawn = np.moveaxis(np.arange(3 * height * width).reshape(height, width, 3), 2, 0)
    assert not (seen & (drawn[:, :, :, None, None, None] <= drawn)).any(), "an output sees what is not drawn yet"
    row, column = np.ogrid[:height, :width]
    up = row[:, :, None, None] - row  # (H, 1, H, 1): how many rows further up an input lies
    right = column - column[:, :, None, None]  # (1, W, 1, W): how many columns further right
    reach = ((up == 0) & (right < 0) & (right >= -2)) | ((up >= 1) & (up <= 2) & (abs(right) <= 2))
    reach &= ~((up == 1) & (right == 2))  # the blind spot: two columns to the right take two rows
    np.testing.assert_array_equal(seen.all(axis=(0, 3)), reach)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_levels_between_the_ends(student, rng):
    """The mass of an interval is the integral of the density over it."""
    level = rng.integers(1, 31, size=6)
    logits, means, log_scales = mixture(rng, 6, parts=3, low=0, high=31)
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    exact = np.log((weights * integral(level, means, log_scales, 32)).sum(-1))
    answer = student.log_prob(level, logits, means, log_scales, 32)
    np.testing.assert_allclose(answer, exact, rtol=1e-7, atol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_all_levels_together_have_probability_one(student, rng):
    """With means beyond the ends too, where much of the mass belongs to them."""
    for levels in (2, 3, 16):
        logits, means, log_scales = mixture(rng, 4, parts=5, low=-2, high=levels + 1)
        level = np.tile(np.arange(levels), (4, 1))  # (4, levels)
        shared = [np.broadcast_to(a[:, None], (4, levels, 5)).copy() for a in (logits, means, log_scales)]
        answer = student.log_prob(level, *shared, levels)
        assert answer.shape == level.shape
        np.testing.assert_allclose(np.exp(answer).sum(-1), 1.0, rtol=1e-9)
        weights = np.exp(shared[0]) / np.exp(shared[0]).sum(-1, keepdims=True)
        exact = np.log((weights * integral(level, shared[1], shared[2], levels)).sum(-1))
        np.testing.assert_allclose(answer, exact, rtol=1e-6, atol=1e-7, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_leading_axes_in_both_precisions(student, rng):
    for shape in ((), (2, 1, 3)):
        level = rng.integers(0, 64, size=shape)
        logits, means, log_scales = mixture(rng, *shape, parts=2, low=0, high=63, narrow=0.5, wide=3.0)
        weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        for dtype, rtol in (("f8", 1e-7), ("f4", 1e-3)):
            given = [a.astype(dtype) for a in (logits, means, log_scales)]
            exact = np.log((weights * integral(level, means, log_scales, 64)).sum(-1))
            answer = student.log_prob(level, *given, 64)
            np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, atol=rtol, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_sharp_and_far(student, rng):
    """Far out a logistic's tail is exponential: only the nearer end of the interval counts, and its own width."""
    level = rng.integers(50, 200, size=(5, 1))
    away = rng.uniform(300, 500, size=(5, 2)) * np.array([1.0, -1.0])  # one part below the level, one above
    scales = rng.uniform(0.02, 0.5, size=(5, 2))
    logits = rng.normal(size=(5, 2))
    log_weights = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    tails = -(np.abs(away) - 0.5) / scales + np.log(1 - np.exp(-1 / scales))
    exact = logsumexp(log_weights + tails, axis=-1)
    for dtype, rtol in (("f8", 1e-9), ("f4", 1e-4)):
        given = [a.astype(dtype) for a in (logits, level - away, np.log(scales))]
        answer = student.log_prob(level[:, 0], *given, 256)
        np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, strict=True)
    # At the ends: the one that is near to the mean has all the mass, the other one all of a tail.
    ends, means = np.array([0, 255, 0, 255]), np.array([[-300.0], [600.0], [300.0], [-50.0]])
    exact = np.array([0.0, 0.0, -299.5 / 0.25, -304.5 / 0.25])
    answer = student.log_prob(ends, np.zeros((4, 1)), means, np.full((4, 1), np.log(0.25)), 256)
    np.testing.assert_allclose(answer, exact, rtol=1e-9, atol=1e-12, strict=True)

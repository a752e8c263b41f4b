"""Graded tests of `autoregressive/wavenet`. Levels are held against roots of F, steps against whole convolutions."""

import numpy as np
import pytest
from scipy.optimize import brentq


def bent(x, levels):
    """The F of the question."""
    return np.sign(x) * np.log(1 + (levels - 1) * abs(x)) / np.log(levels)


def amplitude(place, levels):
    """The amplitude whose F is ``place``, found as a root."""
    return brentq(lambda x: bent(x, levels) - place, -1.001, 1.001, xtol=1e-14, rtol=1e-14)


def draw_layer(rng, channels, kernel):
    """Weight, bias and mix; no bias is zero."""
    weight = rng.normal(size=(2 * channels, channels, kernel)) * 0.7
    return weight, rng.uniform(0.2, 1, size=2 * channels), rng.normal(size=(channels, channels)) * 0.7


def convolved(x, weight, bias, mix, dilation):
    """The layer over a whole sound x, (B, C, T), silence before it: with kernels spread out by zeros."""
    outputs, channels, kernel = weight.shape
    spread = np.zeros((outputs, channels, (kernel - 1) * dilation + 1))
    spread[..., ::dilation] = weight[..., ::-1]  # np.convolve turns it round again
    a = np.stack(
        [
            [sum(np.convolve(row[i], spread[o, i])[: x.shape[2]] for i in range(channels)) for o in range(outputs)]
            for row in x
        ]
    )  # (B, 2 C, T)
    signal, gate = np.split(a + bias[:, None], 2, axis=1)
    return x + np.einsum("oi,bit->bot", mix, np.tanh(signal) * (1 + np.tanh(gate / 2)) / 2)


def stepped(student, x, layers, dilations, dtype="f8"):
    """A stack of layers over x, (B, C, T), one step at a time from empty queues; its outputs and the last queues."""
    layers = [[a.astype(dtype) for a in layer] for layer in layers]
    queues = [
        np.zeros((*x.shape[:2], (layer[0].shape[2] - 1) * dilation), dtype)
        for layer, dilation in zip(layers, dilations, strict=True)
    ]
    outputs = []
    for t in range(x.shape[2]):
        y = x[:, :, t].astype(dtype)
        for k, (layer, dilation) in enumerate(zip(layers, dilations, strict=True)):
            y, queues[k] = student.step(y, queues[k], *layer, dilation)
        outputs.append(y)
    return np.stack(outputs, axis=-1), queues


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_there_and_back(student):
    """Every level comes back to itself; the amplitudes rise from -1 to 1 and are symmetric."""
    for levels in (2, 4, 16, 256):
        level = np.arange(levels)
        x = student.decode(level, levels)
        assert x.dtype == np.float32
        np.testing.assert_array_equal(student.encode(x, levels), level, strict=True)
        np.testing.assert_allclose(x[[0, -1]], [-1.0, 1.0], rtol=1e-5)
        np.testing.assert_allclose(x, -x[::-1], rtol=1e-3)  # in float32, near zero
        assert (np.diff(x) > 0).all()


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_decode(student, rng):
    for levels in (10, 256):
        level = rng.integers(0, levels, size=(2, 3, 4))
        exact = [amplitude(2 * k / (levels - 1) - 1, levels) for k in level.flatten()]
        answer = student.decode(level, levels)
        np.testing.assert_allclose(answer, np.float32(exact).reshape(level.shape), rtol=1e-4, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_the_borders_between_levels(student, rng):
    """Just below the border between two levels it is still the lower one, just above it the higher one."""
    for levels in (10, 256):
        level = rng.integers(0, levels - 1, size=12)
        for dtype in ("f8", "f4"):
            for side in (-0.02, 0.02):  # in levels
                places = 2 * (level + 0.5 + side) / (levels - 1) - 1
                x = np.array([amplitude(place, levels) for place in places], dtype).reshape(3, 4)
                exact = (level + (side > 0)).reshape(3, 4)
                np.testing.assert_array_equal(student.encode(x, levels), exact, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_no_level_is_nearer(student, rng):
    """Loud, quiet and clipped amplitudes: in F, the error is at most half the distance of two levels."""
    x = np.concatenate([rng.uniform(-1.5, 1.5, size=30), 10 ** rng.uniform(-5, 0, size=30), [1.0, -1.0, 7.0, -7.0]])
    for dtype in ("f8", "f4"):
        level = student.encode(x.astype(dtype), 256)
        assert level.dtype == np.int64
        assert level.shape == x.shape
        assert level.min() >= 0
        assert level.max() <= 255
        error = 2 * level / 255 - 1 - bent(np.clip(x, -1, 1), 256)
        assert np.abs(error).max() <= (1 + 1e-3) / 255


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_layer_over_a_sound(student, rng):
    x = rng.normal(size=(2, 3, 9))
    layer = draw_layer(rng, 3, 2)
    answer, (queue,) = stepped(student, x, [layer], [3])
    np.testing.assert_allclose(answer, convolved(x, *layer, 3), rtol=1e-9, atol=1e-10, strict=True)
    np.testing.assert_array_equal(queue, x[:, :, -3:], strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_other_kernels(student, rng):
    """Three entries; neighbours; and a single entry, which remembers nothing."""
    for kernel, dilation in ((3, 2), (2, 1), (1, 4)):
        x = rng.normal(size=(1, 2, 7))
        layer = draw_layer(rng, 2, kernel)
        answer, (queue,) = stepped(student, x, [layer], [dilation])
        np.testing.assert_allclose(answer, convolved(x, *layer, dilation), rtol=1e-9, atol=1e-10, strict=True)
        np.testing.assert_array_equal(queue, x[:, :, 7 - (kernel - 1) * dilation :], strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_a_stack_of_layers(student, rng):
    """The same sound twice, the first amplitude changed: the stack forgets it after exactly eight steps."""
    x = rng.normal(size=(1, 2, 11)).repeat(2, axis=0)
    x[1, :, 0] += 1.0
    layers, dilations = [draw_layer(rng, 2, 2) for _ in range(3)], [1, 2, 4]
    answer, _ = stepped(student, x, layers, dilations)
    exact = x
    for layer, dilation in zip(layers, dilations, strict=True):
        exact = convolved(exact, *layer, dilation)
    np.testing.assert_allclose(answer, exact, rtol=1e-8, atol=1e-9, strict=True)
    moved = (np.abs(answer[0] - answer[1]) > 1e-12).any(axis=0)
    np.testing.assert_array_equal(moved, np.arange(11) < 8)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_single_precision_and_the_middle_of_a_sound(student, rng):
    """From a queue that is full, in a batch: what one example remembers is nothing to the others."""
    sound = rng.normal(size=(5, 4, 7))  # the last one of seven is the newest
    layer = draw_layer(rng, 4, 3)
    exact = convolved(sound, *layer, 3)[:, :, -1]
    for dtype, rtol in (("f8", 1e-9), ("f4", 1e-4)):
        given = [a.astype(dtype) for a in (sound[:, :, -1], sound[:, :, :-1], *layer)]
        y, queue = student.step(*given, 3)
        np.testing.assert_allclose(y, exact.astype(dtype), rtol=rtol, atol=rtol, strict=True)
        np.testing.assert_array_equal(queue, sound[:, :, 1:].astype(dtype), strict=True)

"""Graded tests of `adversarial/dcgan`. Walks are checked as complex numbers, folding by stamping kernels one by one."""

import numpy as np
import pytest


def planes(rng, *shape, n=7):
    """Two orthonormal vectors of n numbers for each entry of ``shape``: the plane in which a walk takes place."""
    first, second = rng.normal(size=(*shape, n)), rng.normal(size=(*shape, n))
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    second -= (first * second).sum(-1, keepdims=True) * first
    return first, second / np.linalg.norm(second, axis=-1, keepdims=True)


def arc(rng, angle, t, n=7):
    """Ends (..., n) at an ``angle`` of shape (...), and the walk between them at t, (..., T, n): r exp(i phi)."""
    first, second = planes(rng, *angle.shape, n=n)
    start, finish = rng.uniform(0.5, 4, size=(2, *angle.shape))
    phi = angle[..., None] * t  # (..., T)
    z = ((1 - t) * start[..., None] + t * finish[..., None]) * np.exp(1j * phi)  # (..., T)
    a = start[..., None] * first
    b = finish[..., None] * (np.cos(angle)[..., None] * first + np.sin(angle)[..., None] * second)
    return a, b, z.real[..., None] * first[..., None, :] + z.imag[..., None] * second[..., None, :]


def stamped(x, weight, bias, stride):
    """A transposed convolution without padding, (O, H', W'): every pixel of x, (I, H, W), stamps its kernels."""
    height, width = ((size - 1) * stride + kernel for size, kernel in zip(x.shape[1:], weight.shape[2:], strict=True))
    y = np.zeros((weight.shape[1], height, width)) + bias[:, None, None]
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            stamp = np.tensordot(x[:, i, j].astype("f8"), weight.astype("f8"), axes=(0, 0))  # (O, K, K')
            y[:, i * stride : i * stride + stamp.shape[1], j * stride : j * stride + stamp.shape[2]] += stamp
    return y


def statistics(rng, channels):
    """Mean, variance, gain and shift of a trained normalisation; gains may be negative."""
    gain = rng.uniform(0.5, 2, size=channels) * rng.choice([-1.0, 1.0], size=channels)
    return rng.normal(size=channels), rng.uniform(0.2, 3, size=channels), gain, rng.normal(size=channels)


def normalised(y, mean, variance, gain, shift, epsilon):
    """Batch normalisation in evaluation mode, channel by channel; channels first."""
    rows = [
        (row - m) / np.sqrt(v + epsilon) * g + s for row, m, v, g, s in zip(y, mean, variance, gain, shift, strict=True)
    ]
    return np.stack(rows)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_ends_lengths_and_angles(student, rng):
    """It begins at a and ends at b; its length changes evenly, and so does its angle to a."""
    a, b, _ = arc(rng, rng.uniform(0.4, 2.6, size=()), np.zeros(1))
    t = np.linspace(0, 1, 6)
    z = student.walk(a, b, t)
    np.testing.assert_allclose(z[[0, -1]], np.stack([a, b]), rtol=1e-7, atol=1e-9, strict=True)
    lengths = np.linalg.norm(z, axis=-1)
    np.testing.assert_allclose(np.diff(lengths, n=2), 0.0, atol=1e-7)
    angles = np.arccos(np.clip(z @ a / lengths / np.linalg.norm(a), -1, 1))
    np.testing.assert_allclose(np.diff(angles, n=2), 0.0, atol=1e-6)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_batches_of_pairs(student, rng):
    t = np.array([0.0, 0.1, 0.5, 0.85, 1.0])
    a, b, z = arc(rng, rng.uniform(0.3, 2.7, size=(2, 3)), t)
    np.testing.assert_allclose(student.walk(a, b, t), z, rtol=1e-7, atol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_single_precision_and_many_latents(student, rng):
    t = np.array([0.25, 0.6])
    a, b, z = arc(rng, rng.uniform(1.2, 1.9, size=4), t, n=100)
    answer = student.walk(a.astype("f4"), b.astype("f4"), t.astype("f4"))
    np.testing.assert_allclose(answer, z.astype("f4"), rtol=1e-3, atol=1e-4, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_equal_directions(student, rng):
    """Along one direction, and so nearly along one that the sine of the angle is next to nothing."""
    t = np.array([0.0, 0.3, 1.0])
    a = np.zeros((3, 5))
    a[:, 1] = 2.0, -1.5, 1.0  # along an axis: the cosine is exactly one
    b = a * np.array([[1.5], [1.0], [4.0]])
    straight = (1 - t[:, None]) * a[:, None, :] + t[:, None] * b[:, None, :]
    np.testing.assert_allclose(student.walk(a, b, t), straight, rtol=1e-9, strict=True)
    answer = student.walk(a.astype("f4"), b.astype("f4"), t.astype("f4"))
    np.testing.assert_allclose(answer, straight.astype("f4"), rtol=1e-5, strict=True)
    a, b, z = arc(rng, np.array([1e-7, 1e-8, 0.0, 0.0, 0.0]), t)
    np.testing.assert_allclose(student.walk(a, b, t), z, rtol=0, atol=1e-5, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_layer_does_the_work_of_two(student, rng):
    weight, bias, x = rng.normal(size=(3, 5, 4, 4)), rng.normal(size=5), rng.normal(size=(3, 2, 3))
    trained = statistics(rng, 5)
    exact = normalised(stamped(x, weight, bias, 2), *trained, 1e-5)
    new_weight, new_bias = student.fold(weight, bias, *trained, 1e-5)
    assert new_weight.shape == weight.shape
    assert new_bias.shape == bias.shape
    np.testing.assert_allclose(stamped(x, new_weight, new_bias, 2), exact, rtol=1e-9, atol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_a_large_epsilon(student, rng):
    weight, bias, x = rng.normal(size=(2, 2, 3, 3)), rng.normal(size=2), rng.normal(size=(2, 2, 2))
    trained, epsilon = statistics(rng, 2), rng.uniform(0.3, 0.6)
    exact = normalised(stamped(x, weight, bias, 1), *trained, epsilon)
    folded = student.fold(weight, bias, *trained, epsilon)
    np.testing.assert_allclose(stamped(x, *folded, 1), exact, rtol=1e-9, atol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_any_number_of_kernel_axes_in_both_precisions(student, rng):
    """None: x times a matrix. One and three: against a kernel that is seen through one position at a time."""
    for kernel in ((), (5,), (2, 1, 3)):
        weight, bias, x = rng.normal(size=(4, 3, *kernel)), rng.normal(size=3), rng.normal(size=4)
        trained = statistics(rng, 3)
        stamps = np.tensordot(x, weight, axes=(0, 0)) + bias.reshape(-1, *[1] * len(kernel))  # (O, *kernel)
        exact = normalised(stamps, *trained, 1e-3)
        for dtype, rtol in (("f8", 1e-9), ("f4", 1e-4)):
            arrays = [array.astype(dtype) for array in (weight, bias, *trained)]
            new_weight, new_bias = student.fold(*arrays, 1e-3)
            assert new_weight.dtype == new_bias.dtype == np.dtype(dtype)
            assert new_weight.shape == weight.shape
            answer = np.tensordot(x, new_weight.astype("f8"), axes=(0, 0))
            answer = answer + new_bias.astype("f8").reshape(-1, *[1] * len(kernel))
            np.testing.assert_allclose(answer, exact, rtol=rtol, atol=rtol)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_a_channel_that_never_changed(student, rng):
    weight, bias, x = rng.normal(size=(2, 4, 2, 2)), rng.normal(size=4), rng.normal(size=(2, 2, 2))
    mean, variance, gain, shift = statistics(rng, 4)
    variance[[0, 2]] = 0.0
    exact = normalised(stamped(x, weight, bias, 2), mean, variance, gain, shift, 1e-5)
    folded = student.fold(weight, bias, mean, variance, gain, shift, 1e-5)
    np.testing.assert_allclose(stamped(x, *folded, 2), exact, rtol=1e-7, atol=1e-7, strict=True)

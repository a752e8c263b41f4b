"""Generated shapes: the factors are measured again in the images, by moments, sums and colours."""

import colorsys
import math

import numpy
import pytest
import torch

from coursekit import data

DISC, BAR, TRIANGLE, SQUARE = range(4)


def drawn(n: int = 400, size: int = 32, seed: int = 0) -> data.Shapes:
    return data.shapes(n, size, generator=torch.Generator().manual_seed(seed))


def coverage(images: torch.Tensor) -> numpy.ndarray:
    """How much of each pixel is covered, (N, S, S): colours have value 1, the ground is black."""
    return images.amax(dim=1).double().numpy()


def centres(mask: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The centre of mass, from the left and from the top, in widths."""
    place = (numpy.arange(mask.shape[-1]) + 0.5) / mask.shape[-1]
    mass = mask.sum(axis=(1, 2))
    return (mask.sum(axis=1) @ place) / mass, (mask.sum(axis=2) @ place) / mass


def directions(mask: numpy.ndarray, folds: int) -> numpy.ndarray:
    """The complex moment of order ``folds`` about the centre of mass: its argument turns ``folds`` times as fast."""
    place = (numpy.arange(mask.shape[-1]) + 0.5) / mask.shape[-1]
    x, y = centres(mask)
    z = (place[None, None, :] - x[:, None, None]) + 1j * (place[None, :, None] - y[:, None, None])
    return (mask * z**folds).sum(axis=(1, 2))


@pytest.mark.parametrize("size", [32, 64])
def test_the_position_is_the_centre_of_mass(size):
    made = drawn(size=size)
    x, y = centres(coverage(made.images))
    numpy.testing.assert_allclose(x, made.factor("x").numpy(), atol=0.1 / size)
    numpy.testing.assert_allclose(y, made.factor("y").numpy(), atol=0.1 / size)


@pytest.mark.parametrize("size, tolerance", [(32, 0.01), (64, 0.005)])
def test_the_size_is_the_root_of_the_area(size, tolerance):
    made = drawn(size=size)
    root = numpy.sqrt(coverage(made.images).sum(axis=(1, 2))) / size
    numpy.testing.assert_allclose(root, made.factor("size").numpy(), rtol=tolerance)


@pytest.mark.parametrize("shape, folds, corner", [(BAR, 2, 0), (TRIANGLE, 3, 0), (SQUARE, 4, math.pi / 4)])
def test_the_rotation_is_the_direction_of_the_moments(shape, folds, corner):
    """A bar's length, a triangle's corner and, an eighth of a turn on, a square's corner point where it says."""
    made = drawn(1000, 64)
    own = made.labels == shape
    assert 200 < own.sum() < 300
    found = numpy.angle(directions(coverage(made.images[own]), folds)) / folds - corner
    rotation = made.factor("rotation")[own].numpy()
    period = 2 * math.pi / folds
    apart = (found - rotation + period / 2) % period - period / 2
    assert numpy.abs(apart).max() < 0.06  # radians
    assert 0 <= rotation.min() < 0.05 * period and 0.95 * period < rotation.max() < period


def test_a_disc_has_no_direction_and_rotation_zero():
    made = drawn(400, 64)
    discs = made.labels == DISC
    assert (made.factor("rotation")[discs] == 0).all()
    masks = coverage(made.images[discs])
    area = masks.sum(axis=(1, 2))
    for folds in (2, 3, 4):
        assert (numpy.abs(directions(masks, folds)) / (area * made.factor("size")[discs].numpy() ** folds)).max() < 0.01


@pytest.mark.parametrize("shape, folds", [(BAR, 2), (TRIANGLE, 3), (SQUARE, 4)])
def test_a_turn_by_the_symmetry_changes_nothing_and_half_of_it_does(shape, folds):
    factors = torch.tensor([[shape, 0.3, 0.5, 0.45, 0.2, 0.6]]).repeat(3, 1)
    factors[1, 4] += 2 * math.pi / folds
    factors[2, 4] += math.pi / folds
    images = data.draw_shapes(factors)
    torch.testing.assert_close(images[1], images[0], rtol=0, atol=1e-4)
    assert (images[2] - images[0]).abs().max() > 0.5


def test_the_hue_is_that_of_the_pixel_in_the_middle():
    made = drawn()
    for image, factors in zip(made.images, made.factors, strict=True):
        column, row = (int(factors[i] * 32) for i in (2, 3))
        found = colorsys.rgb_to_hsv(*image[:, row, column].tolist())
        apart = abs(found[0] - factors[5].item())
        assert min(apart, 1 - apart) < 1e-4 and found[1] == pytest.approx(0.75, abs=1e-4) and found[2] == 1


def test_pictures_stay_in_their_frame_in_their_range_and_have_soft_edges():
    made = drawn(2000)
    assert made.images.shape == (2000, 3, 32, 32) and made.images.dtype == torch.float32
    assert made.images.min() == 0 and made.images.max() == 1
    frame = torch.ones(32, 32, dtype=torch.bool)
    frame[1:-1, 1:-1] = False
    assert made.images[:, :, frame].max() < 0.1
    directions = [i * math.pi / 12 for i in range(24)]
    utmost = [[s, 0.35, x, y, r, 0] for s in range(4) for x in (0.34, 0.66) for y in (0.34, 0.66) for r in directions]
    assert data.draw_shapes(torch.tensor(utmost), 64)[:, :, [0, -1]].max() < 0.1
    partly = ((made.images.amax(dim=1) > 0.01) & (made.images.amax(dim=1) < 0.99)).float().mean()
    assert 0.01 < partly < 0.05


def test_the_size_in_pixels_changes_only_how_finely_it_is_drawn():
    coarse, fine = drawn(100, 32), drawn(100, 64)
    assert torch.equal(coarse.factors, fine.factors)
    shrunk = torch.nn.functional.avg_pool2d(fine.images, 2)
    assert (shrunk - coarse.images).abs().max() < 0.2 and (shrunk - coarse.images).abs().mean() < 0.001


def test_every_factor_fills_its_range_and_no_two_depend_on_each_other():
    factors = drawn(4000, 8).factors.double()
    assert torch.bincount(factors[:, 0].long()).tolist() == pytest.approx([1000] * 4, abs=120)
    for column, low, high in ((1, 0.2, 0.35), (2, 0.34, 0.66), (3, 0.34, 0.66), (5, 0, 1)):
        place = (factors[:, column].sort().values - low) / (high - low)
        grid = (torch.arange(4000) + 0.5) / 4000
        assert (place - grid).abs().max() < 0.035  # Kolmogorov and Smirnov: about 1e-4
    others = torch.corrcoef(factors[:, [0, 1, 2, 3, 5]].T) - torch.eye(5)
    assert others.abs().max() < 0.07


def test_one_seed_gives_one_set_and_two_draws_from_it_two():
    generator = torch.Generator().manual_seed(5)
    train, test = data.shapes(60, generator=generator), data.shapes(20, generator=generator)
    again = data.shapes(60, generator=torch.Generator().manual_seed(5))
    assert torch.equal(train.images, again.images) and torch.equal(train.factors, again.factors)
    assert (torch.cdist(train.factors, test.factors) > 0.01).all()


def test_a_generator_leaves_the_global_state_alone():
    before = torch.get_rng_state()
    drawn(10)
    assert torch.equal(before, torch.get_rng_state())


def test_chunks_do_not_show():
    factors = drawn(2500, 8).factors
    apart = torch.cat([data.draw_shapes(part, 8) for part in factors.split(700)])
    torch.testing.assert_close(data.draw_shapes(factors, 8), apart, rtol=0, atol=0)


def test_a_set_is_indexed_moved_and_named():
    made = drawn(10)
    images, factors = made[torch.tensor([3, 1])]
    assert torch.equal(images, made.images[[3, 1]]) and torch.equal(factors, made.factors[[3, 1]])
    assert made.to("meta").images.device.type == "meta" and len(made) == 10
    assert repr(made) == "Shapes(10 images, 32 x 32)"
    assert made.factor_names == ("shape", "size", "x", "y", "rotation", "hue") and made.classes[2] == "triangle"
    assert made.labels.dtype == torch.int64


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: data.shapes(0), "n must be at least 1, was 0"),
        (lambda: data.shapes(1, 4), "size must be at least 8 pixels, was 4"),
        (lambda: data.draw_shapes(torch.zeros(3, 5)), r"must have shape \(N, 6\), had \(3, 5\)"),
        (lambda: data.draw_shapes(torch.full((1, 6), 4.0)), "must be 0 to 3"),
        (lambda: drawn(1).factor("colour"), "name must be one of .* was 'colour'"),
    ],
)
def test_what_is_wrong_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()

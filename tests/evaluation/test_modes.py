"""Mode counts against cases counted by hand."""

import math

import pytest
import torch

from coursekit import data
from coursekit.evaluation import DigitClassifier, covered_modes, digit_modes


@pytest.fixture(scope="module")
def digits():
    return data.mnist().test


def square(scale=0.1):
    """Four modes at the corners of a square of width two."""
    return data.PlanarMixture(torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]), scale)


def test_modes_counted_by_hand():
    x = torch.tensor([[-1.0, -1.29], [-1.0, -1.0], [0.8, -0.8], [1.0, 1.31], [0.0, 0.0], [-1.4, 1.0]])
    found = covered_modes(x, square())  # the radius is 0.3
    assert found.counts == (2, 1, 0, 0)  # (0.8, -0.8) is 0.283 away from its mean
    assert found.covered == 2 and found.modes == 4 and found.n == 6
    assert found.high_quality == pytest.approx(3 / 6)
    assert repr(found) == (
        "2 of 4 modes covered (at least one sample within 3 standard deviations), 50.0% of 6 samples of high quality"
    )


def test_a_larger_radius_and_a_share_count_otherwise():
    x = torch.tensor([[-1.0, -1.29], [-1.0, -1.0], [0.8, -0.8], [1.0, 1.31], [0.0, 0.0], [-1.4, 1.0]])
    assert covered_modes(x, square(), radius=3.2).counts == (2, 1, 0, 1)
    assert covered_modes(x, square(), radius=4.1).counts == (2, 1, 1, 1)
    assert covered_modes(x, square(), share=0.3).covered == 1  # two samples of six are a third
    assert covered_modes(x, square(), share=1 / 6).covered == 2


def test_a_sample_belongs_to_its_nearest_mode_only():
    overlapping = data.PlanarMixture(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), 1.0)
    assert covered_modes(torch.tensor([[0.4, 0.0], [0.45, 0.0]]), overlapping).counts == (2, 0)


def test_points_that_are_not_finite_are_near_no_mode():
    found = covered_modes(torch.tensor([[math.nan, 0.0], [math.inf, 0.0], [1.0, 1.0]]), square())
    assert found.counts == (0, 0, 0, 1) and found.high_quality == pytest.approx(1 / 3)


def test_the_mixture_itself_covers_all_with_the_known_share():
    ring = data.GaussianRing()
    found = covered_modes(ring.sample((20_000,), generator=torch.Generator().manual_seed(0)), ring)
    assert found.covered == found.modes == 8
    within = 1 - math.exp(-4.5)
    assert found.high_quality == pytest.approx(within, abs=4 * math.sqrt(within * (1 - within) / 20_000))


def test_the_grid_without_some_modes():
    grid = data.GaussianGrid()
    x = grid.sample((5_000,), generator=torch.Generator().manual_seed(0))
    x = x[~((x[:, 0] > 3) | (x[:, 1] < -3))]  # the last column and the first row are gone
    assert covered_modes(x, grid).covered == 16


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"x": torch.zeros(0, 2)}, r"x has shape \(0, 2\) and must have shape \(n, 2\)"),
        ({"x": torch.zeros(3, 3)}, r"x has shape \(3, 3\)"),
        ({"x": torch.zeros(3, 2), "radius": 0.0}, "radius is 0.0 and must be positive"),
        ({"x": torch.zeros(3, 2), "share": 1.5}, "share is 1.5 and must be between 0 and 1"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        covered_modes(mixture=square(), **arguments)


class Reads(DigitClassifier):
    """A classifier that reads its class and how sure it is from two pixels, so that counts are known."""

    def forward(self, x):
        probabilities = torch.full((len(x), 10), 0.0)
        chosen = (x[:, 0, 0, 0] * 10).round().long()  # (B,)
        sure = x[:, 0, 0, 1]  # (B,)
        probabilities += ((1 - sure) / 9).unsqueeze(1)
        probabilities[torch.arange(len(x)), chosen] = sure
        return probabilities.log()


def images_of(classes, sureness):
    x = torch.zeros(len(classes), 1, 28, 28)
    x[:, 0, 0, 0] = torch.tensor(classes) / 10
    x[:, 0, 0, 1] = torch.tensor(sureness)
    return x


def test_digit_classes_counted_by_hand():
    x = images_of([6, 6, 6, 2, 2, 9, 1], [0.99, 0.95, 0.91, 0.99, 0.5, 0.99, 0.89])
    found = digit_modes(x, Reads(), share=0.3)
    assert found.counts == (0, 0, 1, 0, 0, 0, 3, 0, 0, 1) and found.unsure == 2 and found.n == 7
    assert found.classes == 1  # six: three of five; two and nine: a fifth each
    assert digit_modes(x, Reads(), share=0.2).classes == 3
    by_hand = 0.6 * math.log(0.6 / 0.1) + 2 * 0.2 * math.log(0.2 / 0.1)
    assert found.kl_to_uniform == pytest.approx(by_hand)
    assert "KL to uniform 1.352 nats, 2 of 7 images unsure (below 0.9" in repr(found)


def test_one_class_alone_and_none():
    assert digit_modes(images_of([6] * 5, [0.99] * 5), Reads()).kl_to_uniform == pytest.approx(math.log(10))
    even = digit_modes(images_of(list(range(10)), [0.99] * 10), Reads())
    assert even.kl_to_uniform == pytest.approx(0, abs=1e-12) and even.classes == 10
    none = digit_modes(images_of([6, 2], [0.5, 0.5]), Reads())
    assert none.classes == 0 and none.unsure == 2 and math.isnan(none.kl_to_uniform)


def test_real_digits_cover_all_classes_and_sixes_one(digits):
    real = digit_modes(digits.images)
    assert real.classes == 10 and real.kl_to_uniform < 0.01 and real.unsure < 60
    sixes = digit_modes(digits.images[digits.labels == 6], share=0.05)
    assert sixes.classes == 1 and sixes.counts[6] > 90 and sixes.kl_to_uniform > 2.1


def test_grey_noise_is_mostly_unsure_or_of_few_classes():
    noise = torch.rand(200, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found = digit_modes(noise)
    assert found.unsure + sum(found.counts) == 200
    assert found.unsure > 100 or found.classes <= 3


@pytest.mark.parametrize(
    "images, options, said",
    [
        (torch.zeros(0, 1, 28, 28), {}, "at least one image"),
        (torch.zeros(2, 1, 32, 32), {}, r"x has shape \(2, 1, 32, 32\)"),
        (torch.full((2, 1, 28, 28), -1.0), {}, r"from -1 to -1 and must lie in \[0, 1\]"),
        (torch.zeros(2, 1, 28, 28), {"sureness": 2.0}, "sureness is 2.0"),
        (torch.zeros(2, 1, 28, 28), {"share": -0.1}, "share is -0.1"),
    ],
)
def test_wrong_images_are_named(images, options, said):
    with pytest.raises(ValueError, match=said):
        digit_modes(images, **options)

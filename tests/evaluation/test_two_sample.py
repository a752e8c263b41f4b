"""The classifier two-sample test: its level when nothing differs, its power when something does."""

import math

import pytest
import torch

from coursekit.evaluation import classifier_two_sample_test


def gaussian(n, seed, size=2, shift=0.0):
    return shift + torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


class ByTheFirstValue(torch.nn.Module):
    """Says real where the first value is positive; has one weight that changes nothing."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x[:, 0].sign() + 0 * self.weight


def test_accuracy_error_and_p_value_by_hand():
    """A constant value apart from a few exceptions: what is right can be counted."""
    real, generated = torch.ones(200, 1), -torch.ones(200, 1)
    found = classifier_two_sample_test(real, generated, split="test", discriminator=ByTheFirstValue(), epochs=1)
    assert found.accuracy == 1 and found.standard_error == 0 and found.p_value < 1e-20
    assert found.held_out == found.trained_on == 200
    swapped = classifier_two_sample_test(generated, real, split="test", discriminator=ByTheFirstValue(), epochs=1)
    assert swapped.accuracy == 0 and swapped.p_value == pytest.approx(1)


def test_the_numbers_fit_together():
    found = classifier_two_sample_test(gaussian(300, 0, shift=0.5), gaussian(300, 1), split="test")
    assert found.standard_error == pytest.approx(math.sqrt(found.accuracy * (1 - found.accuracy) / 300))
    normal = torch.distributions.Normal(0.5, 0.5 / math.sqrt(300))
    assert found.p_value == pytest.approx(1 - normal.cdf(torch.tensor(found.accuracy).double()).item(), abs=1e-6)
    assert repr(found).startswith(f"a classifier tells real from generated with accuracy {found.accuracy:.3f} +- 0.02")
    assert "300 held-out and 300 training examples, half of them real, test split; features: raw values" in repr(found)


def test_equal_distributions_are_rejected_no_more_often_than_promised():
    """100 pairs of samples at the level 0.05: more than 12 rejections have a probability below 0.002."""
    results = [
        classifier_two_sample_test(gaussian(100, 2 * s), gaussian(100, 2 * s + 1), split="test", epochs=10, seed=s)
        for s in range(100)
    ]
    assert sum(found.p_value < 0.05 for found in results) <= 12
    mean = sum(found.accuracy for found in results) / 100
    assert mean == pytest.approx(0.5, abs=4 * 0.05 / 10)


def test_different_distributions_are_told_apart():
    """Means apart by one standard deviation; the best classifier has accuracy Phi(0.5) = 0.69."""
    results = [
        classifier_two_sample_test(
            gaussian(300, s, shift=1 / math.sqrt(2)), gaussian(300, s + 50), split="test", seed=s
        )
        for s in range(10)
    ]
    assert all(found.p_value < 0.01 for found in results)
    assert sum(found.accuracy for found in results) / 10 == pytest.approx(0.69, abs=0.03)


def test_equal_means_and_other_scales_are_told_apart_too():
    found = classifier_two_sample_test(gaussian(600, 0), 2 * gaussian(600, 1), split="test", epochs=60)
    assert found.p_value < 1e-3


def test_the_same_seed_gives_the_same_and_the_global_state_stays():
    before = torch.get_rng_state()
    one, other = (classifier_two_sample_test(gaussian(60, 0), gaussian(80, 1), split="t", seed=3) for _ in range(2))
    assert one == other and one.trained_on == one.held_out == 60
    assert torch.equal(before, torch.get_rng_state())


def test_images_and_values_that_never_vary():
    images = torch.zeros(2, 60, 1, 4, 4)
    images[0, :, 0, 1, 1] = torch.rand(60, generator=torch.Generator().manual_seed(0))
    images[1, :, 0, 1, 1] = 5 + torch.rand(60, generator=torch.Generator().manual_seed(1))
    assert classifier_two_sample_test(images[0], images[1], split="test").accuracy > 0.95


@pytest.mark.parametrize(
    "real, generated, said",
    [
        (torch.zeros(30, 2), torch.zeros(30, 3), r"real has examples of shape \(2,\) and generated of \(3,\)"),
        (torch.zeros(10, 2), torch.zeros(30, 2), "real has 10 and generated 30 examples; each must have at least 20"),
        (torch.full((30, 2), math.nan), torch.zeros(30, 2), "real has features that are not finite"),
    ],
)
def test_wrong_sets_are_named(real, generated, said):
    with pytest.raises(ValueError, match=said):
        classifier_two_sample_test(real, generated, split="test")

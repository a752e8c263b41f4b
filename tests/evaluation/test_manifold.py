"""Metrics by nearest neighbours on sets worked by hand."""

import math

import pytest
import torch

from coursekit.evaluation import RawValues, density_coverage, manifold, nearest_neighbours, precision_recall

RAW = RawValues()
REAL = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
"""Radii for k = 1: 1, 1, 2, 4. Balls: [-1, 1], [0, 2], [1, 5], [3, 11]."""


def line(*values):
    return torch.tensor(values).unsqueeze(1)


def scores(real, generated, **options):
    p, r = precision_recall(real, generated, RAW, split="test", **options)
    d, c = density_coverage(real, generated, RAW, split="test", **options)
    return p.value, r.value, d.value, c.value


def gaussian(n, seed, size=2, shift=0.0):
    return shift + torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


def test_all_four_by_hand():
    """0.5 lies in two balls, 2.6 and 2.7 in one, 20 in none. Generated radii: 2.1, 0.1, 0.1, 17.3."""
    precision, recall, density, coverage = scores(REAL, line(0.5, 2.6, 2.7, 20.0), k=1)
    assert precision == pytest.approx(3 / 4)
    assert recall == pytest.approx(4 / 4)  # the outlier's ball, [2.7, 37.3], takes in 3 and 7
    assert density == pytest.approx((2 + 1 + 1 + 0) / (1 * 4))
    assert coverage == pytest.approx(3 / 4)  # no sample in [3, 11]


def test_without_the_outlier_recall_falls():
    precision, recall, density, coverage = scores(REAL, line(0.5, 2.6, 2.7), k=1)
    assert (precision, recall) == (1.0, 0.5)  # balls [-1.6, 2.6], [2.5, 2.7], [2.6, 2.8]
    assert density == pytest.approx(4 / 3) and coverage == pytest.approx(3 / 4)


def test_a_second_neighbour_makes_larger_balls():
    """Radii for k = 2: 3, 2, 3, 6. Balls: [-3, 3], [-1, 3], [0, 6], [1, 13]."""
    precision, _, density, coverage = scores(REAL, line(-2.0, 2.0, 12.0), k=2)
    assert precision == 1.0
    assert density == pytest.approx((1 + 4 + 1) / (2 * 3))
    assert coverage == 1.0


def test_a_point_on_the_surface_is_inside():
    for offset in (0.0, 0.1, 1000 / 3):
        x = (REAL.double() + offset, line(2.0, 11.0).double() + offset)
        assert precision_recall(*x, RAW, split="test", k=1).precision.value == 1.0
    assert precision_recall(REAL, line(2.0, 11.001), RAW, split="test", k=1).precision.value == 0.5


def test_collapse_onto_one_real_example():
    """Every sample is the same copy: all look real, one ball of radius 0 covers that example alone."""
    real = gaussian(50, 0, size=30)
    collapsed = real[7].expand(40, 30).clone()
    precision, recall, _, coverage = scores(real, collapsed, k=3)
    assert precision == 1.0 and recall == pytest.approx(1 / 50)
    assert coverage < 0.5


def test_two_clusters_one_dropped():
    left, right = gaussian(100, 0), gaussian(100, 1, shift=50.0)
    precision, recall, _, coverage = scores(torch.cat([left, right]), gaussian(200, 2), k=3)
    assert precision > 0.8 and recall < 0.55 and coverage <= 0.5


def test_precision_and_recall_change_places_with_the_sets():
    x, y = gaussian(80, 0), gaussian(60, 1, shift=0.7)
    one, other = precision_recall(x, y, RAW, split="test"), precision_recall(y, x, RAW, split="test")
    assert one.precision.value == other.recall.value and one.recall.value == other.precision.value


def test_expectations_for_equal_distributions():
    """Naeem et al. (2020): density 1, coverage 1 - prod (N - i) / (2 N - i), whatever the distribution."""
    n, k = 60, 2
    found = torch.tensor([scores(gaussian(n, 2 * s), gaussian(n, 2 * s + 1), k=k)[2:] for s in range(200)])  # (200, 2)
    error = 4 * found.std(dim=0) / math.sqrt(200)
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert found[:, 0].mean().item() == pytest.approx(1, abs=error[0].item())
    assert found[:, 1].mean().item() == pytest.approx(expected, abs=error[1].item())


def test_nothing_depends_on_the_chunks(monkeypatch):
    real, generated = gaussian(90, 0, size=50), gaussian(70, 1, size=50, shift=0.1)
    generated[:5] = real[:5]
    whole = (*scores(real, generated), *nearest_neighbours(generated, real, 4))
    for block in (1, 200, 1000):
        monkeypatch.setattr(manifold, "BLOCK", block)
        chunked = (*scores(real, generated), *nearest_neighbours(generated, real, 4))
        assert chunked[:4] == whole[:4]
        torch.testing.assert_close(chunked[4], whole[4], rtol=1e-9, atol=1e-9)
        assert torch.equal(chunked[5], whole[5])


def test_neighbours_by_hand_and_against_cdist():
    distances, indices = nearest_neighbours(line(0.4, 6.0), REAL, k=2)
    torch.testing.assert_close(distances, torch.tensor([[0.4, 0.6], [1.0, 3.0]]).double(), rtol=1e-6, atol=1e-6)
    assert indices.tolist() == [[0, 1], [3, 2]]
    x, training = gaussian(30, 0, size=20), gaussian(200, 1, size=20)
    expected = torch.cdist(x.double(), training.double()).topk(3, largest=False)
    found = nearest_neighbours(x, training, 3)
    torch.testing.assert_close(found.distances, expected.values)
    assert torch.equal(found.indices, expected.indices)


def test_a_copy_is_at_distance_zero():
    training = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found = nearest_neighbours(training[[17, 4]], training)
    assert found.indices.tolist() == [[17], [4]] and found.distances.tolist() == [[0.0], [0.0]]
    near = nearest_neighbours(training[[17]] + 1e-4, training)
    assert near.distances.item() == pytest.approx(28e-4, rel=1e-2)


def test_scores_say_what_they_are():
    precision, recall = precision_recall(REAL, line(0.5, 2.6, 20.0), RAW, split="train", k=1)
    assert repr(precision) == "precision (k = 1) 0.6667 (4 real, train split; 3 generated; features: raw values)"
    assert recall.metric == "recall (k = 1)"
    density, coverage = density_coverage(gaussian(9, 0), gaussian(9, 1), RAW, split="train")
    assert (density.metric, coverage.metric) == ("density (k = 5)", "coverage (k = 5)")


@pytest.mark.parametrize(
    "call, said",
    [
        (
            lambda: precision_recall(REAL, line(0.0, 1.0), RAW, split="t", k=2),
            "between 1 and 1: generated has 2",
        ),
        (lambda: density_coverage(REAL, REAL, RAW, split="t", k=4), "k is 4 and must be between 1 and 3: real has 4"),
        (
            lambda: precision_recall(REAL, torch.zeros(4, 2), RAW, split="t"),
            r"real has examples of shape \(1,\)",
        ),
        (lambda: density_coverage(REAL, REAL / 0, RAW, split="t"), "generated has features that are not finite"),
        (lambda: nearest_neighbours(REAL, REAL, 5), "k is 5 and must be between 1 and 4"),
        (lambda: nearest_neighbours(REAL, REAL, 0), "k is 0 and must be between 1 and 4"),
        (lambda: nearest_neighbours(torch.zeros(0, 1), REAL), "x has no examples"),
    ],
)
def test_wrong_sets_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()

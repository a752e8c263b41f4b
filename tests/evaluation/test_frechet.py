"""The Fréchet distance against cases worked by hand and scipy; FID's dependence on n."""

import math

import pytest
import scipy.linalg
import torch

from coursekit.evaluation import DigitClassifier, RawValues, Score, fid, fid_at, fid_infinity, frechet_distance

ZERO = torch.zeros(2, dtype=torch.float64)


def rotation(angle):
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def random_covariance(size, seed, rank=None):
    factor = torch.randn(
        size, size if rank is None else rank, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return factor @ factor.T


def gaussian(n, seed, size=8, shift=0.0):
    return shift + torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


def test_one_dimension_by_hand():
    """Means 0 and 3, standard deviations 1 and 2: 9 + 1."""
    one, four = torch.tensor([[1.0]]), torch.tensor([[4.0]])
    found = frechet_distance(torch.tensor([0.0]), one, torch.tensor([3.0]), four)
    assert found.item() == pytest.approx(10) and found.dtype == torch.float64 and found.shape == ()


def test_diagonal_covariances_by_hand():
    """Standard deviations 1, 2, 3 and 2, 2, 5: 1 + 0 + 4; means apart by 1, 2, 2: 9."""
    a, b = torch.tensor([1.0, 4.0, 9.0]).diag(), torch.tensor([4.0, 4.0, 25.0]).diag()
    assert frechet_distance(torch.zeros(3), a, torch.tensor([1.0, 2.0, 2.0]), b).item() == pytest.approx(14)


def test_rotated_together_nothing_changes():
    turn = rotation(0.7)
    a, b = torch.tensor([1.0, 9.0]).double().diag(), torch.tensor([4.0, 16.0]).double().diag()
    found = frechet_distance(ZERO, turn @ a @ turn.T, ZERO, turn @ b @ turn.T)
    assert found.item() == pytest.approx(2)


def test_rotated_against_each_other_by_hand():
    """In the plane, the trace of the root of a product P is sqrt(tr P + 2 sqrt(det P))."""
    a = torch.tensor([[1.0, 0.0], [0.0, 4.0]])
    b = torch.tensor([[2.0, 1.0], [1.0, 2.0]])  # tr AB = 10, det A = 4, det B = 3
    by_hand = 5 + 4 - 2 * math.sqrt(10 + 2 * math.sqrt(12))
    assert frechet_distance(ZERO, a, ZERO, b).item() == pytest.approx(by_hand)


def test_a_quarter_turn_exchanges_the_axes():
    a = torch.tensor([1.0, 9.0]).double().diag()
    turned = rotation(math.pi / 2) @ a @ rotation(math.pi / 2).T
    assert frechet_distance(ZERO, a, ZERO, turned).item() == pytest.approx(8)  # (1 - 3)^2 twice


@pytest.mark.parametrize("rank", [None, 5, 1])
def test_equal_gaussians_are_at_zero(rank):
    covariance, mean = random_covariance(20, 0, rank), torch.randn(20, generator=torch.Generator().manual_seed(1))
    assert frechet_distance(mean, covariance, mean, covariance).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("size", [2, 10, 64])
def test_it_equals_scipys_matrix_root(size):
    a, b = random_covariance(size, 0), random_covariance(size, 1)
    mean_a, mean_b = torch.zeros(size), torch.ones(size)
    root = scipy.linalg.sqrtm((a @ b).numpy()).real
    expected = size + (a + b).trace().item() - 2 * root.trace()
    found = frechet_distance(mean_a, a, mean_b, b)
    assert found.item() == pytest.approx(expected, rel=1e-7)
    assert frechet_distance(mean_b, b, mean_a, a).item() == pytest.approx(found.item(), rel=1e-9)  # symmetric


def test_singular_covariances():
    b = random_covariance(4, 0)
    mean = torch.zeros(4)
    assert frechet_distance(mean, torch.zeros(4, 4), mean, b).item() == pytest.approx(b.trace().item())
    u = torch.tensor([1.0, -2.0, 0.0, 3.0], dtype=torch.float64)
    by_hand = u @ u + b.trace() - 2 * (u @ b @ u).sqrt()  # one direction only
    assert frechet_distance(mean, u.outer(u), mean, b).item() == pytest.approx(by_hand.item(), rel=1e-6)
    low_a, low_b = random_covariance(4, 1, rank=1), random_covariance(4, 2, rank=1)
    overlap = math.sqrt((low_a @ low_b).trace().item())  # both of rank one
    expected = (low_a + low_b).trace().item() - 2 * overlap
    assert frechet_distance(mean, low_a, mean, low_b).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((torch.zeros(2), torch.eye(3), torch.zeros(2), torch.eye(2)), r"covariance_a has shape \(3, 3\)"),
        ((torch.zeros(2), torch.eye(2), torch.zeros(3), torch.eye(2)), r"mean_b has shape \(3,\)"),
        ((torch.zeros(()), torch.eye(2), torch.zeros(2), torch.eye(2)), r"mean_a has shape \(\)"),
        ((torch.zeros(2), torch.eye(2), torch.zeros(2), torch.tensor([[1.0, 0.5], [0.0, 1.0]])), "b is not symmetric"),
        ((torch.zeros(2), -torch.eye(2), torch.zeros(2), torch.eye(2)), "covariance_a has the eigenvalue -1"),
        ((torch.zeros(2), torch.eye(2) * math.nan, torch.zeros(2), torch.eye(2)), "covariance_a has values that are"),
    ],
)
def test_wrong_moments_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        frechet_distance(*arguments)


def test_fid_of_small_sets_by_hand():
    """Means 1 and 4, unbiased variances 2 and 8."""
    found = fid(torch.tensor([[0.0], [2.0]]), torch.tensor([[2.0], [6.0]]), RawValues(), split="test")
    assert found.value == pytest.approx(9 + (math.sqrt(8) - math.sqrt(2)) ** 2)


def test_a_score_says_all():
    found = fid(gaussian(300, 0), gaussian(200, 1), RawValues(), split="test")
    assert (found.real, found.generated, found.split, found.features) == (300, 200, "test", "raw values")
    assert float(found) == found.value
    score = Score("FID", 6.8123, 10000, 5000, "test", "digit classifier, 64 features")
    assert repr(score) == (
        "FID 6.812 (10,000 real, test split; 5,000 generated; features: digit classifier, 64 features)"
    )
    with pytest.raises(AttributeError):
        score.value = 0.0
    with pytest.raises(TypeError, match="split"):
        fid(gaussian(300, 0), gaussian(200, 1), RawValues())


def test_it_does_not_depend_on_the_batches_or_the_order(monkeypatch):
    images = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    classifier = DigitClassifier.load()
    whole = fid(images[:30], images[30:] ** 2, classifier, split="test").value
    turned = fid(images[:30].flip(0), images[30:].flip(0) ** 2, classifier, split="test").value
    monkeypatch.setattr("coursekit.evaluation.features.BATCH", 7)
    batched = fid(images[:30], images[30:] ** 2, classifier, split="test").value
    assert whole == pytest.approx(turned, rel=1e-4) and whole == pytest.approx(batched, rel=1e-4)


def test_fid_is_biased_and_falls_with_n():
    real, generated = gaussian(20_000, 0), gaussian(4_000, 1)
    generator = torch.Generator().manual_seed(0)
    values = [
        score.value
        for score in fid_at(real, generated, RawValues(), [50, 400, 4000], split="train", generator=generator)
    ]
    assert values[0] > 4 * values[1] > 8 * values[2] > 0
    assert [s.generated for s in fid_at(real, generated, RawValues(), [50, 4000], split="train")] == [50, 4000]


def test_extrapolated_fid_is_nearer_to_the_truth():
    """Two Gaussians whose means are apart by 0.5 in each of 8 dimensions: the truth is 2."""
    real = gaussian(50_000, 0)
    errors, plain = [], []
    for seed in range(5):
        generated = gaussian(1_000, seed + 1)
        generator = torch.Generator().manual_seed(seed)
        errors.append(fid_infinity(real, generated, RawValues(), split="train", generator=generator).value)
        plain.append(fid(real, generated, RawValues(), split="train").value)
    assert abs(sum(errors) / 5) < 0.2 * sum(plain) / 5
    shifted = fid_infinity(real, gaussian(1_000, 9, shift=0.5), RawValues(), split="train", generator=generator)
    assert shifted.value == pytest.approx(2, abs=0.35)
    assert shifted.generated == 1000 and shifted.metric == "FID extrapolated to infinitely many generated"


@pytest.mark.parametrize(
    "call, said",
    [
        (
            lambda: fid(gaussian(1, 0), gaussian(9, 0), RawValues(), split="t"),
            "real has 1 examples and must",
        ),
        (
            lambda: fid(gaussian(9, 0), gaussian(9, 0) / 0, RawValues(), split="t"),
            "generated has features that",
        ),
        (lambda: fid_at(gaussian(9, 0), gaussian(9, 0), RawValues(), [10], split="t"), "sizes has 10 and must have"),
        (lambda: fid_infinity(gaussian(9, 0), gaussian(9, 0), RawValues(), split="t"), "generated has 9 examples"),
        (
            lambda: fid_infinity(gaussian(9, 0), gaussian(100, 0), RawValues(), split="t", points=1),
            "points is 1 and must be at least 2",
        ),
    ],
)
def test_wrong_sets_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()

"""The histogram against counts by hand, NumPy, quadrature, and any other heights on the same cells."""

import math

import numpy as np
import pytest
import torch

from coursekit.density import Histogram

INF = float("inf")


@pytest.fixture
def points():
    return torch.randn(500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_heights_by_hand():
    histogram = Histogram(0.5).fit(torch.tensor([0.1, 0.2, 0.4, 0.7, -0.1]))
    found = histogram.log_prob(torch.tensor([0.3, 0.9, -0.4, 1.2]))
    assert found.tolist() == pytest.approx([math.log(3 / 2.5), math.log(1 / 2.5), math.log(1 / 2.5), -INF])


def test_a_cell_owns_its_lower_edge_only():
    histogram = Histogram(1.0).fit(torch.tensor([0.0, 0.5, 1.0]))
    found = histogram.log_prob(torch.tensor([0.0, 1.0, 2.0, -1e-3])).exp()
    assert found.tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])


def test_it_is_numpys_histogram(points):
    edges = np.arange(-20, 21) * 0.25
    heights, _ = np.histogram(points.numpy(), bins=edges, density=True)
    centres = torch.from_numpy((edges[:-1] + edges[1:]) / 2)
    np.testing.assert_allclose(Histogram(0.25).fit(points).log_prob(centres).exp().numpy(), heights, rtol=1e-12)


def test_it_integrates_to_one_in_three_dimensions():
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    centres = torch.arange(-12, 12, dtype=torch.float64) * 0.5 + 0.25
    grid = torch.cartesian_prod(centres, centres, centres)  # (13824, 3): one point in each cell
    assert (Histogram(0.5).fit(x).log_prob(grid).exp().sum() * 0.125).item() == pytest.approx(1, rel=1e-12)


def test_no_other_heights_are_more_likely(points):
    histogram = Histogram(0.5).fit(points)
    centres = (torch.arange(-8, 8, dtype=torch.float64) + 0.5) * 0.5
    heights = histogram.log_prob(centres).exp()  # (16,)
    counts = (heights * len(points) * 0.5).round()
    best = histogram.log_prob(points).sum()
    assert best.item() == pytest.approx(torch.special.xlogy(counts, heights).sum().item(), rel=1e-12)
    generator = torch.Generator().manual_seed(1)
    for _ in range(100):
        other = heights * (0.2 * torch.randn(16, generator=generator, dtype=torch.float64)).exp()
        other = other / (other.sum() * 0.5)  # again a density
        assert torch.special.xlogy(counts, other).sum() < best


def test_samples_have_the_shares_of_the_cells(points):
    histogram = Histogram(1.0).fit(points)
    drawn = histogram.sample(40_000, generator=torch.Generator().manual_seed(2))
    assert drawn.shape == (40_000,) and drawn.dtype == torch.float64
    for cell in range(-3, 3):
        inside = ((drawn >= cell) & (drawn < cell + 1)).double()
        share = histogram.log_prob(torch.tensor([cell + 0.5])).exp().item()
        assert inside.mean().item() == pytest.approx(share, abs=5 * math.sqrt(0.25 / 40_000))
        place = drawn[inside.bool()] - cell
        if len(place) > 1000:
            assert place.mean().item() == pytest.approx(0.5, abs=5 * math.sqrt(1 / 12 / len(place)))


def test_images_keep_their_shape_and_the_batch_does_not_matter():
    x = torch.rand(30, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    histogram = Histogram(0.5).fit(x)
    together = histogram.log_prob(x)
    assert together.shape == (30,) and together.dtype == torch.float32
    assert torch.equal(together, torch.cat([histogram.log_prob(one) for one in x.split(1)]))
    assert histogram.log_prob(x[:0]).shape == (0,)
    assert histogram.sample(4, generator=torch.Generator().manual_seed(0)).shape == (4, 1, 3, 3)
    assert histogram.log_prob(histogram.sample(50)).isfinite().all()


def test_same_generator_same_samples(points):
    histogram = Histogram(0.3).fit(points)
    first, second = (histogram.sample(5, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)


def test_a_second_fit_forgets_the_first(points):
    histogram = Histogram(0.5).fit(points)
    assert histogram.fit(points[:10] + 100) is histogram
    assert histogram.log_prob(points).eq(-INF).all()


def test_what_is_refused(points):
    for width in (0.0, -1.0, INF, float("nan")):
        with pytest.raises(ValueError, match="width is"):
            Histogram(width)
    with pytest.raises(RuntimeError, match="call fit"):
        Histogram(1.0).log_prob(points)
    with pytest.raises(RuntimeError, match="call fit"):
        Histogram(1.0).sample(3)
    with pytest.raises(ValueError, match="N at least 1"):
        Histogram(1.0).fit(points[:0])
    with pytest.raises(ValueError, match="floating-point"):
        Histogram(1.0).fit(torch.arange(3))
    with pytest.raises(ValueError, match="finite"):
        Histogram(1.0).fit(torch.tensor([0.0, INF]))
    with pytest.raises(ValueError, match=r"must have shape \(B, 2\)"):
        Histogram(1.0).fit(torch.zeros(3, 2)).log_prob(torch.zeros(3))

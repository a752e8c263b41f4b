"""Densities in the plane: normalised, and sampled from the density that they state."""

import math

import numpy
import pytest
import torch
from scipy import stats
from torch import distributions

from coursekit.distributions import planar

DENSITIES = {
    "moons": planar.TwoMoons(),
    "ring of Gaussians": planar.GaussianRing(),
    "grid of Gaussians": planar.GaussianGrid(),
    "rings": planar.Rings(),
    "ring that covers the origin": planar.Rings(radii=(0.0, 0.3), scale=0.4),
    "pinwheel": planar.Pinwheel(),
    "checkerboard": planar.Checkerboard(),
}


@pytest.fixture(params=DENSITIES.values(), ids=DENSITIES.keys())
def density(request):
    return request.param


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_density_integrates_to_one(density):
    points, area = density.grid(density.finest / 4)
    total = sum(density.log_prob(chunk).exp().sum().item() for chunk in points.reshape(-1, 2).split(2**14)) * area
    # A ring that covers the origin has a kink there, which a grid resolves slowly.
    assert total == pytest.approx(1.0, abs=1e-4 if density is DENSITIES["ring that covers the origin"] else 1e-6)


def test_samples_have_the_surprise_that_quadrature_foresees(density):
    surprise = -density.log_prob(density.sample((50_000,), generator=generator()).double())
    standard_error = surprise.std().item() / math.sqrt(len(surprise))
    assert surprise.mean().item() == pytest.approx(density.entropy().item(), abs=4 * standard_error + 1e-6)


def test_a_histogram_of_samples_follows_the_density(density):
    bins, n = 24, 50_000
    left, right, bottom, top = density.window
    edges = [numpy.linspace(left, right, bins + 1), numpy.linspace(bottom, top, bins + 1)]
    inner = math.ceil(max(right - left, top - bottom) / bins / (density.finest / 4))  # points along a bin's side
    lines = [edge[0] + (edge[-1] - edge[0]) * (numpy.arange(bins * inner) + 0.5) / (bins * inner) for edge in edges]
    area = (right - left) * (top - bottom) / (bins * inner) ** 2
    points = torch.cartesian_prod(*(torch.from_numpy(line) for line in lines))
    mass = torch.cat([density.log_prob(chunk).exp() for chunk in points.split(2**14)]).numpy() * area
    samples = density.sample((n,), generator=generator(1)).numpy()
    x, y = points.numpy().T
    expected = n * numpy.histogram2d(x, y, edges, weights=mass)[0].ravel()
    found = numpy.histogram2d(*samples.T, edges)[0].ravel()
    rare = expected < 5
    expected = numpy.append(expected[~rare], n - expected[~rare].sum())
    found = numpy.append(found[~rare], n - found[~rare].sum())
    keep = expected > 1
    statistic = ((found - expected)[keep] ** 2 / expected[keep]).sum()
    assert stats.chi2.sf(statistic, keep.sum() - 1) > 1e-3
    assert found[~keep].sum() <= 5


def test_samples_stay_in_the_window(density):
    x, y = density.sample((20_000,), generator=generator(2)).unbind(-1)
    left, right, bottom, top = density.window
    assert left <= x.min() and x.max() <= right and bottom <= y.min() and y.max() <= top


@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4)])
def test_shapes(density, shape):
    points = density.sample(shape, generator=generator())
    assert points.shape == (*shape, 2) and points.dtype == torch.get_default_dtype()
    assert density.log_prob(points).shape == shape
    assert density.event_shape == (2,) and density.batch_shape == ()


def test_a_generator_makes_samples_repeatable_and_leaves_the_global_state_alone(density):
    before = torch.get_rng_state()
    first, second = (density.sample((100,), generator=generator(5)) for _ in range(2))
    density.entropy()
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first, density.sample((100,), generator=generator(6)))


def test_without_a_generator_the_global_seed_decides(density):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = density.sample((10,))
        torch.manual_seed(0)
        assert torch.equal(first, density.sample((10,)))


def test_single_precision_agrees_with_double_precision(density):
    points = density.sample((1000,), generator=generator())
    single, double = density.log_prob(points), density.log_prob(points.double())
    assert single.dtype == torch.float32 and double.dtype == torch.float64
    assert torch.allclose(single.double(), double, atol=2e-3)


@pytest.mark.parametrize("name", [name for name in DENSITIES if name != "checkerboard"])
def test_the_gradient_is_finite_wherever_there_is_mass(name):
    density = DENSITIES[name]
    points = density.sample((500,), generator=generator()).requires_grad_()
    (score,) = torch.autograd.grad(density.log_prob(points).sum(), points)
    assert score.isfinite().all() and score.abs().sum() > 0


def test_points_of_the_wrong_shape_are_an_error(density):
    with pytest.raises(ValueError):
        density.log_prob(torch.zeros(5, 3))


@pytest.mark.parametrize("density", [planar.TwoMoons(0.2), planar.GaussianRing(3, 1.5, 0.3), planar.GaussianGrid(2)])
def test_mixtures_agree_with_torch(density):
    means = density.means
    components = distributions.Independent(distributions.Normal(means, torch.full_like(means, density.scale)), 1)
    reference = distributions.MixtureSameFamily(distributions.Categorical(torch.ones(len(means))), components)
    points = 2 * torch.randn(200, 2, generator=generator(), dtype=torch.float64)
    assert torch.allclose(density.log_prob(points), reference.log_prob(points))
    assert torch.allclose(density.log_joint(points).logsumexp(-1), density.log_prob(points))


def test_the_moons_are_half_circles():
    upper, lower = planar.TwoMoons().means.split(64)
    assert torch.allclose(upper.norm(dim=1), torch.ones(64, dtype=torch.float64)) and (upper[:, 1] > 0).all()
    centre = torch.tensor([1.0, 0.5], dtype=torch.float64)
    assert torch.allclose((lower - centre).norm(dim=1), torch.ones(64, dtype=torch.float64))
    assert (lower[:, 1] < 0.5).all()


def test_the_ring_of_gaussians_has_its_modes_in_place():
    means = planar.GaussianRing(modes=8, radius=2.0).means
    assert torch.allclose(means.norm(dim=1), torch.full((8,), 2.0, dtype=torch.float64))
    neighbours = (means - means.roll(1, dims=0)).norm(dim=1)
    assert torch.allclose(neighbours, torch.full((8,), 4 * math.sin(math.pi / 8), dtype=torch.float64))


def test_the_grid_of_gaussians_is_centred():
    means = planar.GaussianGrid(side=5, spacing=2.0).means
    assert means.mean(dim=0).tolist() == [0.0, 0.0]
    assert sorted(means[:, 0].unique().tolist()) == [-4.0, -2.0, 0.0, 2.0, 4.0]


def test_distances_from_the_centre_follow_the_rings():
    rings = planar.Rings(radii=(0.2, 1.0), scale=0.15)
    r = torch.linspace(0, 3, 30_001, dtype=torch.float64)
    along = rings.log_prob(torch.stack([r, torch.zeros_like(r)], dim=-1)).exp() * 2 * math.pi * r
    cumulative = torch.cat([torch.zeros(1), torch.cumulative_trapezoid(along, r)])
    distances = rings.sample((20_000,), generator=generator()).norm(dim=-1).double().numpy()
    assert stats.kstest(distances, lambda d: numpy.interp(d, r.numpy(), cumulative.numpy())).pvalue > 1e-3


def test_angles_around_the_rings_are_uniform():
    x, y = planar.Rings().sample((20_000,), generator=generator(1)).unbind(-1)
    turns = (torch.atan2(y, x) / (2 * math.pi) % 1).double().numpy()
    assert stats.kstest(turns, "uniform").pvalue > 1e-3


def test_a_ring_of_radius_zero_is_a_gaussian():
    points = torch.randn(100, 2, generator=generator(), dtype=torch.float64)
    normal = distributions.Normal(0.0, 0.7)
    assert torch.allclose(planar.Rings((0.0,), 0.7).log_prob(points), normal.log_prob(points).sum(-1))


def test_an_untwisted_pinwheel_of_one_arm_is_a_gaussian():
    points = torch.randn(100, 2, generator=generator(), dtype=torch.float64)
    mean, scale = torch.tensor([1.0, 0.0], dtype=torch.float64), torch.tensor([0.3, 0.05], dtype=torch.float64)
    expected = distributions.Normal(mean, scale).log_prob(points).sum(-1)
    assert torch.allclose(planar.Pinwheel(arms=1, twist=0.0).log_prob(points), expected)


def test_the_twist_of_the_pinwheel_keeps_areas():
    wheel = planar.Pinwheel()

    def twist(point):
        return wheel._turned(point, wheel.twist * point.norm().exp())

    for point in torch.randn(20, 2, generator=generator(), dtype=torch.float64):
        assert torch.autograd.functional.jacobian(twist, point).det().item() == pytest.approx(1.0)


def test_the_checkerboard_has_mass_on_every_other_cell_alone():
    board = planar.Checkerboard(cells=4, width=1.0)
    points = torch.tensor([[-1.5, -1.5], [-0.5, -1.5], [0.5, 0.5], [0.5, -0.5], [2.5, 0.5], [-2.5, -2.5]])
    on = -math.log(8.0)
    assert board.log_prob(points).tolist() == pytest.approx([on, -math.inf, on, -math.inf, -math.inf, -math.inf])
    assert board.entropy().item() == pytest.approx(math.log(8.0))


def test_entropies_that_are_known():
    single = planar.GaussianRing(modes=1, radius=1.0, scale=0.1)
    assert single.entropy().item() == pytest.approx(1 + math.log(2 * math.pi * 0.01), abs=1e-5)
    apart = planar.GaussianRing(modes=8, radius=2.0, scale=0.02)  # the modes do not overlap
    assert apart.entropy().item() == pytest.approx(math.log(8) + 1 + math.log(2 * math.pi * 0.02**2), abs=1e-5)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: planar.TwoMoons(scale=0.0), "scale is 0.0 and must be positive"),
        (lambda: planar.GaussianRing(modes=0), "modes is 0"),
        (lambda: planar.GaussianRing(radius=-1.0), "radius is -1.0"),
        (lambda: planar.GaussianGrid(side=0), "side is 0"),
        (lambda: planar.GaussianGrid(spacing=0.0), "spacing is 0.0"),
        (lambda: planar.Rings(radii=()), "radii is"),
        (lambda: planar.Rings(radii=(-1.0,)), "radii is"),
        (lambda: planar.Pinwheel(arms=0), "arms is 0"),
        (lambda: planar.Pinwheel(radial=math.nan), "radial is nan"),
        (lambda: planar.Checkerboard(cells=3), "cells is 3"),
        (lambda: planar.PlanarMixture(torch.zeros(3), 1.0), "means has shape"),
    ],
)
def test_arguments_that_make_no_sense_are_named(make, said):
    with pytest.raises(ValueError, match=said):
        make()

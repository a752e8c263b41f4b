"""The kernel density against torch.distributions, scikit-learn, quadrature, and itself with a point taken out."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from coursekit.density import KernelDensity

INF = float("inf")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("dimensions", [1, 2, 7, 40])  # 40: distances come from a matrix product
def test_it_is_a_mixture_of_gaussians(dimensions):
    x, new = normal(60, dimensions), normal(25, dimensions, seed=1)
    kernels = Independent(Normal(x, torch.full_like(x, 0.3)), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(60, dtype=torch.float64)), kernels)
    torch.testing.assert_close(KernelDensity(0.3).fit(x).log_prob(new), mixture.log_prob(new))


@pytest.mark.parametrize("dimensions", [1, 3, 50])
def test_scikit_learn_has_the_same_density(dimensions):
    neighbors = pytest.importorskip("sklearn.neighbors")
    x, new = normal(200, dimensions), normal(50, dimensions, seed=1)
    second_opinion = neighbors.KernelDensity(bandwidth=0.5, leaf_size=200)  # one leaf: its tree's bounds lose digits
    expected = second_opinion.fit(x.numpy()).score_samples(new.numpy())
    torch.testing.assert_close(KernelDensity(0.5).fit(x).log_prob(new), torch.from_numpy(expected))


def test_it_integrates_to_one():
    density = KernelDensity(0.4).fit(normal(30, 2))
    line = torch.linspace(-8, 8, 321, dtype=torch.float64)
    assert (density.log_prob(torch.cartesian_prod(line, line)).exp().sum() * 0.05**2).item() == pytest.approx(1)


@pytest.mark.parametrize("dimensions", [2, 40])
def test_leave_one_out_is_a_fit_without_the_point(dimensions):
    x = normal(20, dimensions)
    found = KernelDensity(0.6).fit(x).leave_one_out()
    rest = [torch.cat([x[:i], x[i + 1 :]]) for i in range(20)]
    expected = [KernelDensity(0.6).fit(rest[i]).log_prob(x[i : i + 1]) for i in range(20)]
    torch.testing.assert_close(found, torch.cat(expected))


def test_chunks_change_nothing(monkeypatch):
    x, new = normal(50, 3), normal(33, 3, seed=1)
    density = KernelDensity(0.5).fit(x)
    whole, others = density.log_prob(new), density.leave_one_out()
    monkeypatch.setattr("coursekit.density.kernel_density._ENTRIES", 180)  # three rows at a time
    assert torch.equal(density.log_prob(new), whole)
    assert torch.equal(density.leave_one_out(), others)
    assert density.log_prob(new[:0]).shape == (0,)


def test_training_likelihood_has_no_bound_and_leave_one_out_has_one():
    x = normal(40, 2)
    narrow = KernelDensity(1e-6).fit(x)
    own_kernel = -math.log(40) - math.log(2 * math.pi * 1e-12)
    torch.testing.assert_close(narrow.log_prob(x), torch.full((40,), own_kernel, dtype=torch.float64))
    assert (narrow.leave_one_out() < -1e6).all()


def test_far_points_do_not_underflow_and_near_ones_are_not_rounded_away():
    density = KernelDensity(0.01).fit(torch.tensor([0.0, 1.0]))
    assert density.log_prob(torch.tensor([30.0])).item() == pytest.approx(-0.5 * 2900**2, rel=1e-5)
    x = 1000 + normal(5, 40)
    shifted = KernelDensity(0.05).fit(x).log_prob(x + 0.01)
    expected = -math.log(5) - 40 * math.log(0.05 * math.sqrt(2 * math.pi)) - 0.5 * 40 * 0.2**2
    torch.testing.assert_close(shifted, torch.full((5,), expected, dtype=torch.float64), rtol=1e-6, atol=0)
    single = (100 + normal(5, 40)).float()
    rounded = (
        KernelDensity(0.01).fit(single).log_prob(single)
    )  # -|x - x|^2 / 2 h^2 would be off by thousands in float32
    own_kernel = -math.log(5) - 40 * math.log(0.01 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(rounded, torch.full((5,), own_kernel), rtol=1e-5, atol=0)


def test_samples_have_the_moments_of_the_mixture():
    x = torch.tensor([[-1.0, 0.0], [2.0, 1.0], [2.0, 5.0]])
    drawn = KernelDensity(0.5).fit(x).sample(50_000, generator=torch.Generator().manual_seed(0))
    covariance = x.T.cov(correction=0) + 0.25 * torch.eye(2)
    assert drawn.shape == (50_000, 2)
    torch.testing.assert_close(drawn.mean(0), x.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), covariance, atol=0.1, rtol=0)


def test_images_keep_their_shape():
    x = torch.rand(10, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    density = KernelDensity(0.2).fit(x)
    assert density.log_prob(x).shape == (10,) and density.log_prob(x).dtype == torch.float32
    first, second = (density.sample(4, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.shape == (4, 1, 3, 3) and torch.equal(first, second)
    flat = KernelDensity(0.2).fit(x.flatten(1)).log_prob(x.flatten(1))
    assert torch.equal(density.log_prob(x), flat)
    one_dimensional = KernelDensity(0.2).fit(x[:, 0, 1, 1])
    assert one_dimensional.log_prob(x[:, 0, 1, 1]).shape == (10,) and one_dimensional.sample(3).shape == (3,)


def test_the_gradient_points_to_the_points():
    density = KernelDensity(1.0).fit(torch.zeros(1, 2))
    x = torch.tensor([[0.5, -2.0]], requires_grad=True)
    density.log_prob(x).sum().backward()
    torch.testing.assert_close(x.grad, -x.detach())


def test_later_changes_of_the_data_do_not_matter():
    x = torch.zeros(3)
    density = KernelDensity(1.0).fit(x)
    x += 100
    assert density.log_prob(torch.zeros(1)).item() == pytest.approx(-0.5 * math.log(2 * math.pi))


def test_what_is_refused():
    for bandwidth in (0.0, -1.0, INF, float("nan")):
        with pytest.raises(ValueError, match="bandwidth is"):
            KernelDensity(bandwidth)
    for call in (lambda density: density.log_prob(torch.zeros(1)), lambda density: density.sample(1)):
        with pytest.raises(RuntimeError, match="call fit"):
            call(KernelDensity(1.0))
    with pytest.raises(ValueError, match="at least 2"):
        KernelDensity(1.0).fit(torch.zeros(1)).leave_one_out()
    with pytest.raises(ValueError, match="finite"):
        KernelDensity(1.0).fit(torch.tensor([float("nan")]))
    with pytest.raises(ValueError, match=r"must have shape \(B, 2\)"):
        KernelDensity(1.0).fit(torch.zeros(3, 2)).log_prob(torch.zeros(3, 3))

"""The generator network: likelihoods that sum to one, a linear one with a known marginal, energy distances by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal

import coursekit as ck
from coursekit.generators import MLPGenerator, energy_distance


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def every_binary(shape: tuple[int, ...]) -> torch.Tensor:
    bits = math.prod(shape)
    return ((torch.arange(2**bits).unsqueeze(1) >> torch.arange(bits)) & 1).float().reshape(-1, *shape)


def linear_gaussian(scale: float) -> MLPGenerator:
    """x = W z + b + scale * noise, whose marginal is known."""
    model = MLPGenerator(2, (3,), "gaussian", hidden=()).double()
    with torch.no_grad():
        layer = model.network[0]
        assert isinstance(layer, nn.Linear)
        layer.weight[3:] = 0.0
        layer.bias[3:] = math.log(scale)
    return model


def test_probabilities_of_all_binary_images_sum_to_one():
    model = MLPGenerator(2, (1, 2, 4), "bernoulli", hidden=(8,), points=5)
    with torch.no_grad():
        assert model.log_prob(every_binary((1, 2, 4))).logsumexp(0).item() == pytest.approx(0.0, abs=1e-5)


def test_one_matrix_product_gives_the_likelihoods_of_the_distribution():
    model = MLPGenerator(1, (1, 2, 3), "bernoulli", hidden=(4,))
    x, z = every_binary((1, 2, 3)), torch.randn(7, 1)
    torch.testing.assert_close(model.log_likelihood(x, z), model.decode(z).log_prob(x.unsqueeze(1)))


def test_the_marginal_of_a_linear_generator_is_its_closed_form():
    model = linear_gaussian(0.6)
    layer = model.network[0]
    weight, bias = layer.weight[:3], layer.bias[:3]
    truth = MultivariateNormal(bias, weight @ weight.T + 0.36 * torch.eye(3))
    x = truth.sample((6,))
    z = model.nodes(200).double()
    torch.testing.assert_close(model.log_prob(x, z), truth.log_prob(x), rtol=0, atol=5e-3)


def test_draws_in_place_of_nodes_give_a_logarithm_too_low_and_a_mean_that_is_right():
    model = linear_gaussian(0.5)
    x = torch.zeros(1, 3, dtype=torch.float64)
    truth = model.log_prob(x, model.nodes(60).double()).item()
    z = model.prior(20 * 4000, torch.Generator().manual_seed(0)).double()
    estimates = torch.stack([model.log_prob(x, part) for part in z.split(20)])  # (4000, 1)
    error = (estimates.exp().std() / math.sqrt(4000)).item()
    assert estimates.exp().mean().item() == pytest.approx(math.exp(truth), abs=5 * error)
    assert estimates.mean().item() < truth


def test_nodes_cut_the_prior_into_cells_of_equal_mass():
    model = MLPGenerator(2, (2,), points=9)
    nodes = model.nodes()
    assert nodes.shape == (81, 2)
    torch.testing.assert_close(nodes.mean(0), torch.zeros(2), rtol=0, atol=1e-6)
    line = nodes[::9, 0]
    torch.testing.assert_close(Normal(0.0, 1.0).cdf(line), (torch.arange(9) + 0.5) / 9)
    fine = model.nodes(200)
    torch.testing.assert_close(fine.square().mean(0), torch.ones(2), rtol=0.02, atol=0)


@pytest.mark.parametrize("output", ["sample", "bernoulli", "gaussian"])
def test_samples_have_the_events_shape_and_follow_the_generator(output):
    model = MLPGenerator(2, (1, 3, 2), output, hidden=(5,))
    x = model.sample(4, generator=torch.Generator().manual_seed(1))
    assert x.shape == (4, 1, 3, 2)
    assert torch.equal(x, model.sample(4, generator=torch.Generator().manual_seed(1)))
    if output == "bernoulli":
        assert ((x == 0) | (x == 1)).all()


def test_draws_of_a_distribution_are_not_its_means():
    model = linear_gaussian(0.5).float()
    x = model.sample(100_000, generator=torch.Generator().manual_seed(0))
    layer = model.network[0]
    expected = layer.weight[:3] @ layer.weight[:3].T + 0.25 * torch.eye(3)
    torch.testing.assert_close(x.T.cov(), expected.detach(), rtol=0.03, atol=0.01)


def test_the_jacobian_is_that_of_finite_differences():
    model = MLPGenerator(2, (3,), hidden=(4,)).double()
    z, step = torch.randn(5, 2, dtype=torch.float64), 1e-6
    jacobian = model.jacobian(z)
    assert jacobian.shape == (5, 3, 2)
    for entry in range(2):
        change = step * torch.eye(2, dtype=torch.float64)[entry]
        slope = (model(z + change) - model(z - change)) / (2 * step)
        torch.testing.assert_close(jacobian[:, :, entry], slope, rtol=1e-6, atol=1e-8)


def test_a_generator_of_samples_has_no_density_and_says_so():
    model = MLPGenerator(1, (2,))
    with pytest.raises(TypeError, match="no density"):
        model.log_prob(torch.zeros(1, 2))
    with pytest.raises(ValueError, match="binary"):
        MLPGenerator(1, (2,), "bernoulli").log_prob(torch.full((1, 2), 0.5))
    with pytest.raises(ValueError, match="'sample', 'bernoulli' or 'gaussian'"):
        MLPGenerator(1, (2,), "poisson")  # type: ignore[arg-type]


def test_energy_distance_of_three_points_by_hand():
    """x: 0 and 2, y: 1 and 4. Between: (1 + 4 + 1 + 2) / 4 = 2; within: 2 and 3."""
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [4.0]])
    assert energy_distance(x, y).item() == pytest.approx(2 * 2 - 2 - 3, abs=1e-5)


def test_energy_distance_is_unbiased():
    """In one dimension it is twice the integrated squared difference of the distribution functions."""
    grid = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    gap = Normal(0.0, 1.0).cdf(grid) - Normal(0.5, 1.5).cdf(grid)
    truth = 2 * torch.trapezoid(gap.square(), grid).item()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 3000, 6, 1, generator=generator)
    estimates = torch.stack([energy_distance(x, 0.5 + 1.5 * y) for x, y in zip(*noise, strict=True)])
    assert estimates.mean().item() == pytest.approx(truth, abs=5 * estimates.std().item() / math.sqrt(3000))
    assert estimates.min() < 0


def test_slopes_of_the_energy_distance_are_finite_where_points_coincide():
    x = torch.zeros(4, 2, requires_grad=True)
    energy_distance(x, torch.zeros(4, 2)).backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_training_lowers_what_it_should():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 1, generator=generator) * 0.2 + 2
    moved = MLPGenerator(1, (1,), hidden=(8,))
    moved.learning_rate = 0.02
    ck.fit(moved, x, epochs=40, batch_size=128, progress=False)
    assert moved.sample(1000, generator=generator).mean().item() == pytest.approx(2.0, abs=0.2)
    binary = (torch.rand(256, 4, generator=generator) < torch.tensor([0.1, 0.9, 0.5, 0.2])).float()
    table = MLPGenerator(1, (4,), "bernoulli", hidden=(8,), points=5)
    table.learning_rate = 0.02
    history = ck.fit(table, binary, epochs=40, batch_size=128, progress=False)
    entropy = -sum(p * math.log(p) + (1 - p) * math.log(1 - p) for p in (0.1, 0.9, 0.5, 0.2))
    assert history["loss"][-1] == pytest.approx(entropy, abs=0.15)

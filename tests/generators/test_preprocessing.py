"""Dequantisation and the logit: constants that must be exact."""

import math

import pytest
import torch

from coursekit.generators import Dequantised, Logit, NeuralSplineFlow, bits_per_dimension, dequantise, quantise
from coursekit.generators.flows import Flow


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("levels", [2, 10, 256])
def test_dequantised_values_fill_the_cell_of_their_level_and_no_other(levels):
    k = torch.arange(levels).repeat(2000)
    v = dequantise(k / (levels - 1), levels, generator=torch.Generator().manual_seed(0))
    assert (v > 0).all() and (v < 1).all()
    assert quantise(v, levels).mul(levels - 1).round().long().equal(k)
    share = v * levels - k  # the noise
    assert share.min() > 0 and share.max() < 1
    assert share.mean().item() == pytest.approx(0.5, abs=5 * (1 / 12 / len(k)) ** 0.5)
    assert share.std().item() == pytest.approx(12**-0.5, rel=0.02)  # full width: half of it would give half of this


def test_rounding_never_reaches_a_neighbouring_cell():
    """The extreme noises, at every level, in float32."""
    k = torch.arange(256.0)
    for u in (0.5 / 2**14, 1 - 0.5 / 2**14):
        assert quantise((k + u) / 256).mul(255).round().equal(k)


def test_grey_values_between_levels_are_refused():
    with pytest.raises(ValueError, match="x must hold 4 levels"):
        dequantise(torch.tensor([0.5]), 4)


def test_bits_per_dimension_of_the_uniform_distribution_is_the_number_of_bits():
    log_prob = -784 * torch.tensor(256.0).log()
    assert bits_per_dimension(log_prob, 784).item() == pytest.approx(8)


@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.05])
def test_the_logits_log_determinant_is_autograds(alpha):
    layer = Logit(alpha)
    x = torch.rand(5, 3, generator=torch.Generator().manual_seed(0)).double()
    z, log_det = layer.to_noise(x)
    for i in range(5):
        jacobian = torch.autograd.functional.jacobian(lambda v: layer.to_noise(v)[0], x[i])
        assert torch.linalg.slogdet(jacobian).logabsdet.item() == pytest.approx(log_det[i].item())
    again, back = layer.to_data(z)
    torch.testing.assert_close(again, x)
    torch.testing.assert_close(back, -log_det)
    torch.testing.assert_close(layer.log_abs_det_jacobian(z, x), -log_det)


def test_the_logits_codomain_is_where_its_values_lie():
    layer = Logit(0.1)
    assert layer.codomain.check(layer(20 * noise(100, 3))).all()
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
        layer.inv(torch.tensor([1.2]))
    with pytest.raises(ValueError, match="alpha must be"):
        Logit(0.5)


LEVELS = 4
EVERY = torch.cartesian_prod(*[torch.arange(LEVELS)] * 2).double() / (LEVELS - 1)  # all images of two pixels, (16, 2)


@pytest.fixture
def model():
    flow = Flow(2, [*NeuralSplineFlow(2, layers=2, hidden=(8,)).layers, Logit(0.1)]).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in flow.parameters():  # at random: untrained it is the identity
            p.copy_(0.3 * torch.randn(p.shape, generator=generator, dtype=torch.float64))
    return Dequantised(flow, LEVELS)


def mass_of_cells(model, cells=100):
    """log P of all sixteen images, by quadrature: the mass of the density in each one's cell."""
    line = (torch.arange(LEVELS * cells, dtype=torch.float64) + 0.5) / (LEVELS * cells)
    with torch.no_grad():
        density = model.flow.log_prob(torch.cartesian_prod(line, line)).exp().view(LEVELS, cells, LEVELS, cells)
    return density.mean(dim=(1, 3)).div(LEVELS**2).flatten().log()


def test_the_bound_is_below_the_mass_of_the_cell_and_rises_to_it(model):
    exact = mass_of_cells(model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        one = model.log_prob_bound(EVERY.repeat(2000, 1), generator=generator).view(2000, 16)
        many = model.log_prob_bound(EVERY.repeat(20, 1), 100, generator=generator).view(20, 16).mean(dim=0)
    assert (one.mean(0) < exact + 4 * one.std(0) / 2000**0.5).all()
    assert (exact - one.mean(0)).max() > 0.01  # a bound, and no equality
    torch.testing.assert_close(many, exact, atol=0.05, rtol=0)
    assert ((exact - many).abs() < (exact - one.mean(0)).abs().clamp(min=0.01)).all()
    assert 0.8 < exact.exp().sum() <= 1  # all images together; the rest lies beyond 0 and 1


def test_a_uniform_density_gives_exactly_the_bits_of_the_levels():
    class Uniform(Flow):
        def log_prob(self, x):
            return torch.zeros(len(x))

    bound = Dequantised(Uniform(3, []), 256).log_prob_bound(torch.rand(4, 3).mul(255).round() / 255)
    torch.testing.assert_close(bits_per_dimension(bound, 3), torch.full((4,), 8.0))
    assert math.isclose(bound[0].item(), -3 * math.log(256), rel_tol=1e-6)


def test_the_loss_is_minus_the_bound_and_samples_are_levels(model):
    torch.manual_seed(0)
    loss = model.loss(EVERY)
    torch.manual_seed(0)
    assert loss.item() == pytest.approx(-model.log_prob_bound(EVERY).mean().item())
    drawn = model.sample(500, generator=torch.Generator().manual_seed(0))
    counts = (drawn * (LEVELS - 1)).round().long() @ torch.tensor([LEVELS, 1])
    share = counts.bincount(minlength=16) / 500
    exact = mass_of_cells(model).exp()
    assert (share - exact).abs().max() < 5 * (exact.max() / 500) ** 0.5

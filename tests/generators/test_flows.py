"""Flows against the truth: autograd's Jacobians, round trips, quadrature, and other libraries."""

import copy
import math

import pytest
import torch
from torch.distributions import ComposeTransform, Independent, Normal, TransformedDistribution
from torch.func import jacrev, vmap

import coursekit as ck
from coursekit.generators import IAF, MAF, NeuralSplineFlow, Permutation, PlanarFlow, RealNVP, Rescale
from coursekit.generators.autoregressive import MaskedNetwork
from coursekit.generators.flows import AffineCoupling, Flow, FlowLayer
from coursekit.generators.planar import Planar
from coursekit.generators.splines import SplineCoupling, inverse_spline, knots, spline


def randomised(model, seed=0, strength=1.0):
    """The model in float64 with weights at random: a flow starts as the identity, which would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double()
    with torch.no_grad():
        for p in model.parameters():
            size = strength / p.shape[1] ** 0.5 if p.ndim == 2 else 0.5 * strength
            p.copy_(size * torch.randn(p.shape, generator=generator, dtype=torch.float64))
    return model


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squares(n=260, reach=11):
    """The middles of n x n squares that cover the plane around the origin, and the area of one."""
    line = (torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 * reach - reach
    return torch.cartesian_prod(line, line), (2 * reach / n) ** 2


FLOWS = {
    "RealNVP": lambda d: RealNVP(d, layers=4, hidden=(9, 7)),
    "spline": lambda d: NeuralSplineFlow(d, layers=3, hidden=(9,), bins=5, bound=5.0),
    "MAF": lambda d: MAF(d, layers=3, hidden=(9, 7)),
    "IAF": lambda d: IAF(d, layers=3, hidden=(9, 7)),
    "planar": lambda d: PlanarFlow(d, layers=5),
}


@pytest.fixture(params=FLOWS)
def flow(request):
    return randomised(FLOWS[request.param](5))


@pytest.fixture(params=FLOWS)
def plane(request):
    return randomised(FLOWS[request.param](2), strength=0.6)


def test_the_log_determinant_is_that_of_autograds_jacobian(flow):
    z = noise(7, 5)
    x, log_det = flow.to_data(z)
    jacobians = vmap(jacrev(lambda v: flow.to_data(v)[0]))(z)  # (7, 5, 5)
    torch.testing.assert_close(log_det, torch.linalg.slogdet(jacobians).logabsdet)
    back = torch.autograd.functional.jacobian(lambda v: flow.to_noise(v)[0].sum(0), x).permute(1, 0, 2)
    torch.testing.assert_close(flow.to_noise(x)[1], torch.linalg.slogdet(back).logabsdet)
    assert log_det.abs().min() > 1e-3  # nothing was trivially zero


def test_both_directions_undo_each_other(flow):
    z = noise(50, 5)
    x, out = flow.to_data(z)
    again, back = flow.to_noise(x)
    torch.testing.assert_close(again, z)
    torch.testing.assert_close(back, -out)
    torch.testing.assert_close(flow.to_data(flow.to_noise(z)[0])[0], z)
    assert (x - z).abs().max() > 0.5


def test_the_density_integrates_to_one(plane):
    points, area = squares()
    with torch.no_grad():
        total = plane.log_prob(points).exp().sum().item() * area
    assert total == pytest.approx(1, abs=1e-3)


def test_samples_have_the_density(plane):
    """In each quarter of the plane, as many samples as the density says."""
    x = plane.sample(20_000, generator=torch.Generator().manual_seed(0))
    middle = x.median(dim=0).values
    points, area = squares()
    with torch.no_grad():
        mass = plane.log_prob(points).exp() * area
    for right in (True, False):
        for up in (True, False):
            share = (((x > middle) == torch.tensor([right, up])).all(dim=1)).double().mean().item()
            expected = mass[((points > middle) == torch.tensor([right, up])).all(dim=1)].sum().item()
            assert share == pytest.approx(expected, abs=0.025)  # 7 standard errors


def test_torch_sees_the_same_density(flow):
    """The layers are torch's transforms: its own chain and its own bookkeeping agree, any batch shape."""
    z = noise(3, 4, 5)
    chain = ComposeTransform(list(flow.layers))
    x, log_det = flow.to_data(z)
    torch.testing.assert_close(chain(z), x)
    torch.testing.assert_close(chain.inv(x), z)
    torch.testing.assert_close(chain.log_abs_det_jacobian(z, x), log_det)
    base = Independent(Normal(torch.zeros(5).double(), torch.ones(5).double()), 1)
    torch.testing.assert_close(TransformedDistribution(base, [chain]).log_prob(x), flow.log_prob(x))
    torch.testing.assert_close(flow.distribution().log_prob(x), flow.log_prob(x))
    assert flow.distribution().event_shape == (5,)


def test_the_gradient_of_the_likelihood_is_right(flow):
    """Also where the inverse is found by bisection: against central differences."""
    x = noise(6, 5)
    flow.log_prob(x).sum().backward()
    for parameter in flow.parameters():
        place = parameter.grad.abs().flatten().argmax()
        values = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                parameter.view(-1)[place] += step
                values.append(flow.log_prob(x).sum().item())
                parameter.view(-1)[place] -= step
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(parameter.grad.flatten()[place].item(), rel=1e-4)


@pytest.mark.parametrize("name", ["RealNVP", "spline", "MAF", "IAF"])
def test_an_untrained_flow_is_the_identity(name):
    flow = FLOWS[name](2)
    x = torch.randn(9, 2)
    z, log_det = flow.to_noise(x)
    torch.testing.assert_close(z.sort(dim=1).values, x.sort(dim=1).values)  # but for permutations
    torch.testing.assert_close(log_det, torch.zeros(9), atol=1e-5, rtol=0)


def test_a_permutation_moves_and_stretches_nothing():
    layer = Permutation(torch.tensor([2, 0, 1]))
    z = torch.tensor([[10.0, 11.0, 12.0]])
    x, log_det = layer.to_data(z)
    assert x.tolist() == [[12, 10, 11]] and log_det.item() == 0
    assert layer.to_noise(x)[0].equal(z)
    with pytest.raises(ValueError, match="0 to 2 once each"):
        Permutation(torch.tensor([0, 0, 2]))


def test_rescaling_gives_data_mean_zero_and_scale_one():
    data = 3 * noise(100, 4) + torch.tensor([1.0, 2.0, 3.0, 4.0])
    layer = Rescale(data)
    z, log_det = layer.to_noise(data)
    torch.testing.assert_close(z.mean(dim=0), torch.zeros(4).double())
    torch.testing.assert_close(z.std(dim=0), torch.ones(4).double())
    jacobian = jacrev(lambda v: layer.to_noise(v)[0])(data[0])
    torch.testing.assert_close(log_det[0], torch.linalg.slogdet(jacobian).logabsdet)
    x, back = layer.to_data(z)
    torch.testing.assert_close(x, data)
    torch.testing.assert_close(back, -log_det)
    with pytest.raises(ValueError, match="1 of them never do"):
        Rescale(torch.tensor([[1.0, 2.0], [1.0, 3.0]]))


@pytest.mark.parametrize("dimensions", [2, 3, 6])
def test_every_entry_is_changed_and_depends_on_every_other(dimensions):
    flow = randomised(RealNVP(dimensions, layers=4, hidden=(9,)))
    jacobian = jacrev(lambda v: flow.to_data(v)[0])(noise(dimensions))
    assert jacobian.abs().min() > 1e-9


@pytest.mark.parametrize("layer", [AffineCoupling(5, (8,)), SplineCoupling(5, (8,), bins=4)])
def test_a_couplings_jacobian_is_triangular(layer):
    layer = randomised(layer)
    jacobian = jacrev(lambda v: layer.to_data(v)[0])(noise(5))
    assert jacobian[:3].equal(torch.eye(5).double()[:3])  # the first half stays
    assert torch.diag(jacobian[3:, 3:].diagonal()).equal(jacobian[3:, 3:])  # each other entry: of itself and the first
    assert jacobian[3:, :3].abs().min() > 0


@pytest.mark.parametrize("dimensions", [1, 2, 5])
@pytest.mark.parametrize("hidden", [(7,), (9, 8)])
def test_a_masked_network_sees_earlier_entries_only(dimensions, hidden):
    network = randomised(MaskedNetwork(dimensions, 2, hidden))
    jacobian = jacrev(network)(noise(dimensions)).abs().sum(dim=1)  # (D, D)
    assert jacobian.equal(jacobian.tril(-1))
    assert (jacobian.tril(-1) > 0).sum() == dimensions * (dimensions - 1) / 2  # and all of them


@pytest.mark.parametrize(("kind", "cheap"), [(MAF, "to_noise"), (IAF, "to_data")])
def test_one_direction_takes_one_pass_and_the_other_d(kind, cheap):
    flow, passes = kind(5, layers=1, hidden=(8,)), []
    flow.layers[0].network.register_forward_hook(lambda *_: passes.append(1))
    for direction in ("to_noise", "to_data"):
        passes.clear()
        getattr(flow, direction)(torch.randn(3, 5))
        assert len(passes) == (1 if direction == cheap else 5)


def test_a_planar_layer_stays_invertible_whatever_its_parameters():
    for seed in range(20):
        layer = randomised(Planar(3), seed, strength=6.0)
        assert layer.w @ layer.u() > -1
        z = noise(100, 3, seed=seed)
        x, log_det = layer.to_data(z)
        assert log_det.isfinite().all()
        torch.testing.assert_close(layer.to_noise(x)[0], z, rtol=1e-5, atol=1e-5)


# --- splines ----------------------------------------------------------------------------------------------------


@pytest.fixture
def parameters():
    return 2 * noise(200, 3 * 6 - 1, seed=3)


def test_a_spline_rises_and_is_the_identity_outside(parameters):
    z = torch.linspace(-5, 5, 4001, dtype=torch.float64)
    y, log_slope = spline(z, parameters[0].expand(4001, -1), 3.0)
    assert (y.diff() > 0).all()
    outside = z.abs() >= 3
    assert y[outside].equal(z[outside]) and (log_slope[outside] == 0).all()
    assert y[~outside].abs().max() < 3
    near, _ = spline(torch.tensor([-3 + 1e-9, 3 - 1e-9]).double(), parameters[:2], 3.0)
    torch.testing.assert_close(near, torch.tensor([-3.0, 3.0]).double())  # no jump at the ends


def test_a_spline_meets_its_knots_with_the_slopes_asked_for(parameters):
    places, values, slopes = knots(parameters, 3.0)
    assert (places.diff() > 0).all() and (values.diff() > 0).all() and (slopes > 0).all()
    for k in range(1, 6):
        for side in (-1e-9, 1e-9):  # from either side
            y, log_slope = spline(places[:, k] + side, parameters, 3.0)
            torch.testing.assert_close(y, values[:, k], rtol=0, atol=1e-6)
            torch.testing.assert_close(log_slope.exp(), slopes[:, k], rtol=1e-3, atol=1e-4)


def test_a_splines_slope_is_autograds_and_its_inverse_is_one(parameters):
    z = (6.4 * torch.rand(200, generator=torch.Generator().manual_seed(0)).double() - 3.2).requires_grad_()
    y, log_slope = spline(z, parameters, 3.0)
    (slope,) = torch.autograd.grad(y.sum(), z)
    torch.testing.assert_close(log_slope, slope.log())
    again, back = inverse_spline(y, parameters, 3.0)
    torch.testing.assert_close(again, z)
    torch.testing.assert_close(back, -log_slope)


def test_a_splines_inverse_loses_no_digits():
    """Of the two forms of the quadratic's root one cancels: the error in y must stay near the last place."""
    generator = torch.Generator().manual_seed(3)
    raw = 3 * torch.randn(20_000, 3 * 5 - 1, generator=generator, dtype=torch.float64)
    z = 6 * torch.rand(20_000, generator=generator, dtype=torch.float64) - 3
    y, log_slope = spline(z, raw, 3.0)
    error = (inverse_spline(y, raw, 3.0)[0] - z).abs()
    assert (error * log_slope.exp().clamp(max=1)).max() < 1e-13


def test_a_spline_agrees_with_zukos(parameters, unavailable):
    try:
        from zuko.transforms import MonotonicRQSTransform
    except ImportError:
        unavailable("zuko is not installed, so the spline has no second opinion; `make test` installs it")
    raw = parameters.split([6, 6, 5], dim=-1)
    theirs = MonotonicRQSTransform(*raw, bound=3.0)
    theirs.horizontal, theirs.vertical, theirs.derivatives = knots(parameters, 3.0)  # the same knots for both
    z = 8 * torch.rand(200, generator=torch.Generator().manual_seed(1)).double() - 4
    for ours, other in zip(spline(z, parameters, 3.0), theirs.call_and_ladj(z), strict=True):
        torch.testing.assert_close(ours, other)
    torch.testing.assert_close(inverse_spline(z, parameters, 3.0)[0], theirs.inv(z))


def test_a_spline_is_the_identity_for_parameters_of_zero():
    z = torch.linspace(-4, 4, 101)
    y, log_slope = spline(z, torch.zeros(101, 11), 3.0)
    torch.testing.assert_close(y, z)
    torch.testing.assert_close(log_slope, torch.zeros(101), atol=1e-5, rtol=0)


# --- as models --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOWS)
def test_training_by_minus_log_p_finds_a_correlated_gaussian(name):
    """All families contain it, or nearly: the gap to its entropy closes."""
    truth = torch.distributions.MultivariateNormal(torch.tensor([1.0, -1.0]), torch.tensor([[1.0, 0.8], [0.8, 1.5]]))
    torch.manual_seed(0)
    x, test = truth.sample((2000,)), truth.sample((2000,))
    model = FLOWS[name](2)
    model.learning_rate = 2e-2
    with torch.no_grad():
        before = (truth.log_prob(test) - model.log_prob(test)).mean()
    ck.fit(model, x, epochs=3, batch_size=100, progress=False, device="cpu")
    with torch.no_grad():
        gap = (truth.log_prob(test) - model.log_prob(test)).mean()
    assert gap < 0.1 < before


def test_samples_are_reproducible_and_leave_the_global_seed_alone(flow):
    state = torch.get_rng_state()
    first, second = (flow.sample(4, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.equal(second) and first.shape == (4, 5) and not first.requires_grad
    assert torch.get_rng_state().equal(state)


def test_a_flow_can_be_copied_saved_and_hashed(flow):
    twin = copy.deepcopy(flow)
    other = type(flow)(5, len([layer for layer in flow.layers if not isinstance(layer, Permutation)]))
    x = noise(3, 5)
    assert twin.log_prob(x).equal(flow.log_prob(x))
    assert len({*flow.layers}) == len(flow.layers)
    if isinstance(flow, PlanarFlow):
        other.double().load_state_dict(flow.state_dict())
        assert other.log_prob(x).equal(flow.log_prob(x))


def test_wrong_shapes_and_sizes_are_named():
    with pytest.raises(ValueError, match=r"x must have shape \(..., 3\), was \(4, 2\)"):
        RealNVP(3).log_prob(torch.zeros(4, 2))
    with pytest.raises(ValueError, match="dimensions must be at least 2, was 1"):
        RealNVP(1)
    with pytest.raises(ValueError, match="bins must be 2 or more"):
        NeuralSplineFlow(2, bins=1)
    with pytest.raises(NotImplementedError, match="must define to_data"):
        Flow(2, [FlowLayer()]).to_data(torch.zeros(1, 2))


def test_the_log_scale_is_bounded():
    layer = AffineCoupling(2, (4,))
    torch.nn.init.constant_(layer.network[-1].bias, 1e6)
    _, log_det = layer.to_data(torch.randn(3, 2))
    torch.testing.assert_close(log_det, torch.full((3,), 2.0))
    assert math.exp(2.0) < 7.4

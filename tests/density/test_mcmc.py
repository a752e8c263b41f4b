"""Markov chains against densities whose truth is known; their diagnostics against closed forms and cases by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Gamma, Independent, MultivariateNormal, Normal

from coursekit.density import (
    HamiltonianMonteCarlo,
    Langevin,
    RandomWalkMetropolis,
    autocorrelation,
    effective_sample_size,
    leapfrog,
    metropolis_matrix,
    r_hat,
    split_r_hat,
)
from coursekit.density.mcmc import DualAveraging, Place, accept_or_stay

COVARIANCE = torch.tensor([[1.0, 0.8], [0.8, 2.0]], dtype=torch.float64)
MEAN = torch.tensor([0.5, -1.0], dtype=torch.float64)
GAUSSIAN = MultivariateNormal(MEAN, COVARIANCE, validate_args=False)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def banana(x):
    """Unnormalised: x_1 is standard normal, x_2 lies about half its square. E[x_2] = 1/2, Var[x_2] = 1/2 + 1."""
    return 7.0 - 0.5 * x[:, 0] ** 2 - 0.5 * (x[:, 1] - 0.5 * x[:, 0] ** 2) ** 2


def samplers(log_density):
    return {
        "random walk": RandomWalkMetropolis(log_density, 1.5),
        "langevin": Langevin(log_density, 0.8),
        "hamiltonian": HamiltonianMonteCarlo(log_density, 0.3, 1.5),
    }


def within(values, truth, errors=5.0):
    """Whether the mean of `values` (N, C) is the truth, to within a few standard errors from its effective samples."""
    ess = effective_sample_size(values).item()
    assert ess > 300
    return abs(values.mean().item() - truth) < errors * values.std().item() / math.sqrt(ess)


@pytest.mark.parametrize("name", ["random walk", "langevin", "hamiltonian"])
def test_moments_of_a_gaussian_and_of_a_banana(name):
    start = MEAN + torch.randn(64, 2, generator=seeded(), dtype=torch.float64)
    chains = samplers(GAUSSIAN.log_prob)[name].chains(start, 600, warm_up=150, generator=seeded(1))
    x, y = chains.draws.unbind(-1)
    assert within(x, 0.5) and within(y, -1.0)
    assert within((x - 0.5) ** 2, 1.0) and within((y + 1) ** 2, 2.0)
    assert within((x - 0.5) * (y + 1), 0.8)
    chains = samplers(banana)[name].chains(start, 1000, warm_up=150, generator=seeded(2))
    x, y = chains.draws.unbind(-1)
    assert within(x, 0.0) and within(x**2, 1.0)
    assert within(y, 0.5) and within((y - 0.5) ** 2, 1.5)
    torch.testing.assert_close(chains.log_prob, torch.stack([banana(place) for place in chains.draws]))
    assert r_hat(chains.draws).max() < 1.02


@pytest.mark.parametrize("name", ["random walk", "langevin", "hamiltonian"])
def test_the_whole_distribution_where_the_density_ends(name):
    """A gamma density is zero left of zero, where its log is -inf or nan: the chain must stay inside, unbiased."""
    gamma = Gamma(torch.tensor(3.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64), validate_args=False)

    def log_density(x):
        inside = x[:, 0].clamp(min=1e-300)
        return torch.where(x[:, 0] > 0, gamma.log_prob(inside), -math.inf)

    sampler = samplers(log_density)[name]
    chains = sampler.chains(gamma.sample((64, 1)), 1200, warm_up=100, generator=seeded())
    draws = chains.draws[::30].flatten().numpy()  # far enough apart
    assert draws.min() > 0
    assert stats.kstest(draws, stats.gamma(3).cdf).pvalue > 1e-4


@pytest.mark.parametrize("kind", ["random walk", "langevin"])
def test_detailed_balance_of_the_density_of_moves(kind):
    """p(x) q(x' | x) a(x, x') is the same both ways, with q from torch.distributions."""
    step = 0.7
    sampler = samplers(banana)[kind]
    x, y = 0.7 * torch.randn(2, 200, 2, generator=seeded(), dtype=torch.float64)
    here, there = sampler.evaluate(x), sampler.evaluate(y)

    def log_move(a, b):
        shift = step**2 / 2 * torch.func.grad(lambda v: banana(v).sum())(a.x) if kind == "langevin" else 0.0
        proposal = Independent(Normal(a.x + shift, step), 1)
        if kind == "langevin":
            ratio = b.log_prob - a.log_prob + sampler.log_proposal(b, a.x, step) - sampler.log_proposal(a, b.x, step)
        else:
            ratio = b.log_prob - a.log_prob
        _, probability = accept_or_stay(a, b, ratio, seeded())
        return banana(a.x) + proposal.log_prob(b.x) + probability.log()

    torch.testing.assert_close(log_move(here, there), log_move(there, here))


@pytest.mark.parametrize("name", ["random walk", "langevin", "hamiltonian"])
def test_a_transition_accepts_as_often_as_it_says_and_in_equilibrium_moves_as_much_both_ways(name):
    """From exact draws of a normal density: the flow between bins is symmetric, and the density stays as it is."""
    n, edges = 100_000, torch.tensor([-0.7, 0.0, 0.9], dtype=torch.float64)
    x = torch.randn(n, 1, generator=seeded(), dtype=torch.float64)
    sampler = samplers(lambda x: -0.5 * x[:, 0] ** 2)[name]
    new, probability, _ = sampler.transition(sampler.evaluate(x), 1.3, seeded(1))
    moved = (new.x != x).double().mean()
    assert moved.item() == pytest.approx(probability.mean().item(), abs=5 * 0.5 / math.sqrt(n))
    assert probability.min() < 0.7  # the rule has something to do
    before, after = torch.bucketize(x[:, 0], edges), torch.bucketize(new.x[:, 0], edges)
    flow = torch.stack([((before == i) & (after == j)).sum() for i in range(4) for j in range(4)]).reshape(4, 4)
    difference = (flow - flow.T).double() / (flow + flow.T + (flow == 0)).sqrt()
    assert difference.abs().max() < 4.5
    assert stats.kstest(new.x[:, 0].numpy(), "norm").pvalue > 1e-4


def test_one_leapfrog_step_is_a_langevin_step():
    """With the same noise both propose the same place, with the same acceptance."""
    langevin, step = Langevin(banana, 0.5), 0.5
    place = langevin.evaluate(torch.randn(50, 2, generator=seeded(), dtype=torch.float64))
    noise = torch.randn(50, 2, generator=seeded(1), dtype=torch.float64)
    x, momentum = leapfrog(lambda x: langevin.evaluate(x).gradient, place.x, noise, step, 1)
    torch.testing.assert_close(x, place.x + step**2 / 2 * place.gradient + step * noise)
    end = langevin.evaluate(x)
    energies = end.log_prob - place.log_prob + 0.5 * (noise**2 - momentum**2).sum(1)
    hastings = end.log_prob - place.log_prob + langevin.log_proposal(end, place.x, step)
    torch.testing.assert_close(energies, hastings - langevin.log_proposal(place, x, step))


def test_leapfrog_keeps_areas_turns_back_and_errs_by_the_square_of_its_step():
    gradient = torch.func.grad(lambda v: banana(v).sum())
    x, momentum = torch.randn(2, 1, 2, generator=seeded(), dtype=torch.float64)

    def roll(state):
        return torch.cat(leapfrog(gradient, state[None, :2], momentum=state[None, 2:], step_size=0.1, steps=7), 1)[0]

    jacobian = torch.func.jacrev(roll)(torch.cat([x, momentum], 1)[0])
    assert torch.linalg.det(jacobian).item() == pytest.approx(1, abs=1e-10)
    there = leapfrog(gradient, x, momentum, 0.1, 7)
    back = leapfrog(gradient, there[0], -there[1], 0.1, 7)
    torch.testing.assert_close((back[0], -back[1]), (x, momentum))

    def error(steps):
        end = leapfrog(gradient, x, momentum, 1.0 / steps, steps)
        return (banana(end[0]) - banana(x) - 0.5 * (end[1] ** 2 - momentum**2).sum()).abs().item()

    assert error(200) / error(400) == pytest.approx(4, rel=0.02)


def test_leapfrog_on_a_spring_is_a_known_rotation():
    """For -log p = x^2 / 2 the steps keep r^2 / 2 + (1 - eta^2 / 4) x^2 / 2 exactly."""
    x, momentum = torch.tensor([[1.0]], dtype=torch.float64), torch.tensor([[0.3]], dtype=torch.float64)
    end, last = leapfrog(lambda x: -x, x, momentum, 0.9, 13)
    kept = [r**2 / 2 + (1 - 0.9**2 / 4) * q**2 / 2 for q, r in ((x, momentum), (end, last))]
    torch.testing.assert_close(*kept)
    assert (end - x).abs() > 0.1


@pytest.mark.parametrize("step", [0.4, 1.0])
def test_the_unadjusted_chain_is_as_much_too_wide_as_the_formula_says(step):
    """On a standard normal density its variance is 1 / (1 - eta^2 / 4)."""
    start = torch.randn(256, 1, generator=seeded())
    sampler = Langevin(lambda x: -0.5 * x[:, 0] ** 2, step, adjusted=False)
    chains = sampler.chains(start, 1000, warm_up=50, generator=seeded(1))
    assert chains.step_size == step and (chains.acceptance == 1).all()
    assert within(chains.draws[..., 0] ** 2, 1 / (1 - step**2 / 4))
    adjusted = Langevin(lambda x: -0.5 * x[:, 0] ** 2, step).chains(start, 1000, generator=seeded(1))
    assert within(adjusted.draws[..., 0] ** 2, 1.0)


def test_an_unstable_unadjusted_chain_flies_off_and_the_adjusted_one_does_not():
    """Beyond a step of 2 the noiseless map is an expansion."""
    unadjusted, adjusted = (Langevin(lambda x: -0.5 * x[:, 0] ** 2, 2.1, adjusted=a) for a in (False, True))
    start = torch.ones(8, 1)
    assert unadjusted.chains(start, 100, generator=seeded()).draws[-1].abs().min() > 1e6
    assert adjusted.chains(start, 500, generator=seeded()).draws.abs().max() < 6


def test_a_path_that_overflows_is_rejected():
    sampler = HamiltonianMonteCarlo(lambda x: -(x[:, 0] ** 4), 50.0, 2.0)
    chains = sampler.chains(torch.ones(3, 1), 5, generator=seeded())
    assert (chains.draws == 1).all() and (chains.acceptance == 0).all()
    found = sampler.chains(torch.ones(3, 1), 200, warm_up=300, generator=seeded())
    assert 0.4 < found.acceptance.mean() < 0.9  # the warm-up brings the step size down from there


@pytest.mark.parametrize("first", [1e-3, 100.0])
@pytest.mark.parametrize("name", ["random walk", "langevin", "hamiltonian"])
def test_the_warm_up_finds_the_step_size_from_afar_and_then_leaves_it(name, first):
    sampler = samplers(lambda x: -0.5 * x.square().sum(1))[name]
    sampler.step_size = first
    chains = sampler.chains(torch.randn(64, 10, generator=seeded()), 100, warm_up=400, generator=seeded(1))
    assert chains.acceptance.mean().item() == pytest.approx(sampler.target_acceptance, abs=0.06)
    assert sampler.step_size == first  # the sampler itself is as it was
    again = sampler.chains(torch.randn(64, 10, generator=seeded()), 100, warm_up=400, generator=seeded(1))
    assert torch.equal(chains.draws, again.draws) and chains.step_size == again.step_size


def test_dual_averaging_by_hand():
    """Two updates from a step of 0.1 with target 0.6, acceptances 0.2 and 1.0."""
    search = DualAveraging(0.1, 0.6)
    first = -20 * (0.4 / 11)
    assert search.update(0.2) == pytest.approx(math.exp(first))
    assert search.step_size == pytest.approx(math.exp(first))
    error = 11 / 12 * 0.4 / 11 + (0.6 - 1.0) / 12
    second = -math.sqrt(2) * 20 * error
    assert search.update(1.0) == pytest.approx(math.exp(second))
    weight = 2**-0.75
    assert search.step_size == pytest.approx(math.exp(weight * second + (1 - weight) * first))


def test_after_the_warm_up_the_step_size_is_the_average_of_the_search():
    """Three steps, made once more by hand with the same noise."""
    sampler, start, generator = samplers(banana)["langevin"], torch.zeros(4, 2), seeded()
    found = sampler.chains(start, 1, warm_up=3, generator=seeded()).step_size
    place, step, search = sampler.evaluate(start), 0.8, DualAveraging(0.8, 0.574)
    for _ in range(3):
        place, acceptance, _ = sampler.transition(place, step, generator)
        step = search.update(acceptance.mean().item())
    assert found == search.step_size != step


def test_what_each_chain_does_does_not_depend_on_the_others_places():
    """Batches are only batches: chains with the same noise move alike, whoever stands beside them."""
    x = torch.randn(6, 2, generator=seeded(), dtype=torch.float64)
    other = torch.cat([x[:3], 100 + x[3:]])
    for sampler in samplers(banana).values():
        moved = [sampler.transition(sampler.evaluate(places), 0.3, seeded(1))[0].x[:3] for places in (x, other)]
        torch.testing.assert_close(*moved)


def test_shapes_types_and_counts():
    for name, sampler in samplers(banana).items():
        chains = sampler.chains(torch.zeros(3, 2), 10, generator=seeded())
        assert chains.draws.shape == (10, 3, 2) and chains.draws.dtype == torch.float32
        assert chains.log_prob.shape == chains.acceptance.shape == (10, 3)
        assert not chains.draws.requires_grad
        assert chains.step_size == sampler.step_size
        expected = 10 if name != "hamiltonian" else pytest.approx(10 * 1.5 / 0.3, rel=0.4)
        assert chains.evaluations == expected


def test_evaluations_are_counted_as_made():
    calls = []

    def counting(x):
        calls.append(len(x))
        return banana(x)

    for sampler in samplers(counting).values():
        calls.clear()
        chains = sampler.chains(torch.zeros(3, 2), 20, generator=seeded())
        assert len(calls) == chains.evaluations + 1  # one for the start


def test_the_log_density_may_be_a_network():
    network = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    for sampler in samplers(lambda x: network(x)[:, 0] - x.square().sum(1)).values():
        sampler.chains(torch.zeros(2, 2), 3, warm_up=2, generator=seeded())
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("sampler", samplers(banana).values(), ids=samplers(banana))
def test_wrong_starts_are_named(sampler):
    with pytest.raises(ValueError, match=r"start has shape \(2,\).*\(C, D\)"):
        sampler.chains(torch.zeros(2), 1)
    with pytest.raises(ValueError, match="floating point"):
        sampler.chains(torch.zeros(2, 2, dtype=torch.long), 1)
    sampler.log_density = lambda x: banana(x).sum()
    with pytest.raises(ValueError, match=r"log_density returned shape \(\)"):
        sampler.chains(torch.zeros(2, 2), 1)
    sampler.log_density = lambda x: x[:, 0].log()
    with pytest.raises(ValueError, match="p\\(x\\) > 0"):
        sampler.chains(torch.zeros(2, 2), 1)


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="step_size is 0 and must be positive"):
        RandomWalkMetropolis(banana, 0)
    with pytest.raises(ValueError, match="path_length is -1 and must be positive"):
        HamiltonianMonteCarlo(banana, 0.1, -1)


# ---- A chain on a few states, as a matrix ----


@pytest.fixture
def grid():
    """A banana on a grid of 9 x 9 states, unnormalised, and proposals to the neighbours, more often to the right."""
    side = torch.linspace(-2, 2, 9, dtype=torch.float64)
    states = torch.cartesian_prod(side, side)  # (81, 2)
    gap = (states.unsqueeze(0) - states.unsqueeze(1)) / 0.5  # (81, 81, 2)
    near = (gap.abs().sum(2) < 1.5) & (gap.abs().sum(2) > 0)
    weight = near.double() * torch.where(gap[..., 0] > 0, 3.0, 1.0)
    return banana(states), weight / weight.sum(1, keepdim=True)


def test_the_metropolis_matrix_balances_and_keeps_its_distribution(grid):
    log_prob, proposal = grid
    p = log_prob.softmax(0)
    matrix = metropolis_matrix(log_prob, proposal)
    assert (matrix >= 0).all()
    torch.testing.assert_close(matrix.sum(1), torch.ones(81, dtype=torch.float64))
    flow = p.unsqueeze(1) * matrix
    torch.testing.assert_close(flow, flow.T)
    values, vectors = torch.linalg.eig(matrix.T)
    largest = vectors[:, values.real.argmax()].real
    torch.testing.assert_close(largest / largest.sum(), p)
    assert (values.real > 1 - 1e-9).sum() == 1  # no other distribution stays


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_metropolis_matrix_of_states_far_apart(dtype):
    matrix = metropolis_matrix(torch.tensor([0.0, 5000.0], dtype=dtype), torch.full((2, 2), 0.5, dtype=dtype))
    assert matrix.tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_the_metropolis_matrix_by_hand():
    """Three states in a row with p = 1 : 2 : 4; the ends propose the middle, or themselves half of the time."""
    proposal = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.0, 0.75], [0.0, 1.0, 0.0]], dtype=torch.float64)
    found = metropolis_matrix(torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64).log() + 50, proposal)
    there = 0.5 * min(1, 2 * 0.25 / (1 * 0.5))
    back = 0.25 * min(1, 1 * 0.5 / (2 * 0.25))
    on, off = 0.75 * min(1, 4 * 1.0 / (2 * 0.75)), 1.0 * min(1, 2 * 0.75 / 4)
    expected = [[1 - there, there, 0], [back, 1 - back - on, on], [0, off, 1 - off]]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_wrong_matrices_are_named(grid):
    log_prob, proposal = grid
    with pytest.raises(ValueError, match="log_prob must be finite"):
        metropolis_matrix(torch.tensor([0.0, -math.inf]), torch.full((2, 2), 0.5))
    with pytest.raises(ValueError, match="proposal has rows"):
        metropolis_matrix(log_prob, 2 * proposal)


# ---- Diagnostics ----


def autoregression(rho, n, chains, seed=0):
    """x_t = rho x_(t-1) + sqrt(1 - rho^2) noise, begun in its stationary distribution, (n, chains)."""
    noise = np.random.default_rng(seed).standard_normal((n, chains))
    noise[1:] *= math.sqrt(1 - rho**2)
    for t in range(1, n):
        noise[t] += rho * noise[t - 1]
    return torch.from_numpy(noise)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9, 0.98])
def test_effective_samples_of_an_autoregression(rho):
    """A share (1 - rho) / (1 + rho) of all draws."""
    draws = autoregression(rho, 20_000, 16)
    share = effective_sample_size(draws).item() / draws.numel()
    assert share == pytest.approx((1 - rho) / (1 + rho), rel=0.08)


def test_effective_samples_say_how_much_a_mean_varies():
    """Over many repetitions the variance of the mean is variance / ESS."""
    means = [autoregression(0.8, 500, 8, seed).mean().item() for seed in range(300)]
    claimed = np.mean([effective_sample_size(autoregression(0.8, 500, 8, seed)).item() for seed in range(20)])
    assert 1 / np.var(means) == pytest.approx(claimed, rel=0.3)


def test_autocorrelations_are_sums_of_products():
    draws = autoregression(0.7, 50, 3)
    centred = draws - draws.mean(0)
    expected = torch.stack([(centred[: 50 - k] * centred[k:]).sum(0) for k in range(50)]) / (centred**2).sum(0)
    torch.testing.assert_close(autocorrelation(draws), expected)


def test_many_quantities_at_once_are_as_one_by_one():
    draws = torch.stack([autoregression(rho, 301, 4, seed) for seed, rho in enumerate((0.0, 0.5, 0.95))], 2)
    for function in (effective_sample_size, r_hat, split_r_hat):
        together = function(draws)
        assert together.shape == (3,)
        torch.testing.assert_close(together, torch.stack([function(draws[..., i]) for i in range(3)]))
        assert function(draws[..., 0]).shape == ()
        assert function(draws.float()).dtype == torch.float32


def test_split_r_hat_by_hand():
    """Halves (1, 3), (3, 5), (2, 2), (4, 8): variances 2, 2, 0, 8; means 2, 4, 2, 6."""
    draws = torch.tensor([[1.0, 2.0], [3.0, 2.0], [3.0, 4.0], [5.0, 8.0]], dtype=torch.float64)
    within, between = 3.0, (2.25 + 0.25 + 2.25 + 6.25) / 3
    assert split_r_hat(draws).item() == pytest.approx(math.sqrt(1 / 2 + between / within))


def test_r_hat_by_scipys_ranks():
    draws = torch.from_numpy(np.random.default_rng(0).standard_cauchy((10, 3))).round(decimals=1)  # with equal draws
    draws[:, 0] += 2.0
    expected = []
    for values in (draws, (draws - draws.flatten().sort().values[14]).abs()):  # torch's median: the lower of two
        ranks = stats.rankdata(values.numpy().ravel()).reshape(10, 3)
        scores = torch.from_numpy(stats.norm.ppf((ranks - 0.375) / 30.25))
        expected.append(split_r_hat(scores).item())
    assert r_hat(draws).item() == pytest.approx(max(expected))


def test_r_hat_sees_other_places_other_widths_and_drifts():
    good = torch.randn(1000, 4, generator=seeded(), dtype=torch.float64)
    assert r_hat(good) < 1.01
    moved, wider, drifting = good.clone(), good.clone(), good + torch.linspace(0, 2, 1000).unsqueeze(1)
    moved[:, 0] += 1
    wider[:, 0] *= 4
    assert r_hat(moved) > 1.05 and r_hat(wider) > 1.05 and r_hat(drifting) > 1.05
    assert split_r_hat(wider) < 1.01  # without ranks and distances it is blind to widths
    assert effective_sample_size(moved) < 100 < effective_sample_size(good)


def test_an_odd_chain_loses_its_middle_draw():
    draws = autoregression(0.5, 11, 2)
    torch.testing.assert_close(split_r_hat(draws), split_r_hat(torch.cat([draws[:5], draws[6:]])))


def test_too_few_draws_are_named():
    for function in (effective_sample_size, split_r_hat, r_hat):
        with pytest.raises(ValueError, match=r"draws has shape \(3, 2\)"):
            function(torch.zeros(3, 2))


def test_places_without_gradients_travel_too():
    place = Place(torch.zeros(2, 3), torch.zeros(2), torch.empty(2, 0))
    new, probability = accept_or_stay(
        place, place._replace(x=torch.ones(2, 3)), torch.tensor([0.0, -math.inf]), seeded()
    )
    assert new.x.tolist() == [[1, 1, 1], [0, 0, 0]] and new.gradient.shape == (2, 0)
    assert probability.tolist() == [1, 0]

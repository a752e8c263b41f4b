"""The mixture of Gaussians against quadrature, torch.distributions, scikit-learn, and formulas written out."""

import math
import warnings

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from coursekit.density import CollapseError, CollapseWarning, GaussianMixture, gaussian_mixture, k_means
from coursekit.density.k_means import k_means_start

KINDS = ("full", "diagonal", "tied")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clusters(n=600, dimensions=3, parts=3, seed=0, spread=3.0):
    """Points of several correlated Gaussians, in units of different size and far from the origin; and their parts."""
    g = seeded(seed)
    means = spread * torch.randn(parts, dimensions, generator=g, dtype=torch.float64)
    factors = torch.randn(parts, dimensions, dimensions, generator=g, dtype=torch.float64)
    k = torch.randint(parts, (n,), generator=g)
    noise = torch.randn(n, dimensions, generator=g, dtype=torch.float64)
    x = means[k] + torch.einsum("nij,nj->ni", factors[k], noise)
    units = torch.logspace(-2, 2, dimensions, dtype=torch.float64)
    return units * (x + 50), k


def soft_start(n, parts, seed=1):
    r = torch.rand(n, parts, generator=seeded(seed), dtype=torch.float64) ** 4
    return r / r.sum(dim=1, keepdim=True)


def reference(model):
    """The same distribution, from torch."""
    covariances = model.scale @ model.scale.mT if model.covariance != "diagonal" else torch.diag_embed(model.scale**2)
    return MixtureSameFamily(Categorical(logits=model.log_weights), MultivariateNormal(model.means, covariances))


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_is_one_and_it_is_that_of_torch(kind):
    x, _ = clusters(dimensions=2)
    x = (x - x.mean(0)) / x.std(0)
    model = GaussianMixture(3, kind).fit(x, generator=seeded())
    side = torch.linspace(-9, 9, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    assert model.log_prob(grid).exp().sum().item() * 0.03**2 == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(model.log_prob(x), reference(model).log_prob(x))
    torch.testing.assert_close(model.log_joint(x).logsumexp(1), model.log_prob(x))
    torch.testing.assert_close(model.responsibilities(x).sum(1), torch.ones(len(x), dtype=torch.float64))


@pytest.mark.parametrize("kind", KINDS)
def test_each_iteration_is_scikit_learns(kind):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture as Peer

    x, _ = clusters(n=2000, dimensions=5, parts=4, spread=1.0)
    start = soft_start(len(x), 4)
    first = GaussianMixture(4, kind).fit(x, start=start, iterations=1)
    ours = GaussianMixture(4, kind).fit(x, start=start, iterations=16, tolerance=-math.inf)
    if kind == "full":
        precisions = torch.cholesky_inverse(first.scale)
    elif kind == "tied":
        precisions = torch.cholesky_inverse(first.scale[0])
    else:
        precisions = 1 / first.scale**2
    peer = Peer(
        4, covariance_type=kind.replace("diagonal", "diag"), reg_covar=0, tol=0, max_iter=15,
        weights_init=first.log_weights.exp().numpy(), means_init=first.means.numpy(),
        precisions_init=precisions.numpy(),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer.fit(x.numpy())
    assert len(ours.history) == 16
    assert ours.history[-1] == pytest.approx(peer.score(x.numpy()), rel=1e-8)
    assert ours.history[0] == pytest.approx(first.log_prob(x).mean().item(), rel=1e-10)
    torch.testing.assert_close(ours.log_prob(x), torch.from_numpy(peer.score_samples(x.numpy())), rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(
        ours.responsibilities(x), torch.from_numpy(peer.predict_proba(x.numpy())), atol=1e-7, rtol=0
    )
    torch.testing.assert_close(ours.means, torch.from_numpy(peer.means_), rtol=1e-7, atol=1e-7)


def test_the_m_step_is_that_of_the_textbook():
    x, _ = clusters(n=200)
    r = soft_start(200, 2)
    model = GaussianMixture(2).fit(x, start=r, iterations=1)
    for k in range(2):
        mean = sum(r[n, k] * x[n] for n in range(200)) / r[:, k].sum()
        covariance = sum(r[n, k] * torch.outer(x[n] - mean, x[n] - mean) for n in range(200)) / r[:, k].sum()
        torch.testing.assert_close(model.means[k], mean)
        torch.testing.assert_close(model.scale[k] @ model.scale[k].T, covariance)
        assert model.log_weights[k].exp().item() == pytest.approx(r[:, k].mean().item())
    tied = GaussianMixture(2, "tied").fit(x, start=r, iterations=1)
    mean = torch.einsum("k,kij->ij", r.mean(0), model.scale @ model.scale.mT)
    torch.testing.assert_close(tied.scale[1] @ tied.scale[1].T, mean)
    diagonal = GaussianMixture(2, "diagonal").fit(x, start=r, iterations=1)
    torch.testing.assert_close(diagonal.scale**2, (model.scale @ model.scale.mT).diagonal(dim1=1, dim2=2))


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_never_falls_and_a_step_is_a_step(kind):
    x, _ = clusters(spread=1.0)
    model = GaussianMixture(4, kind).fit(x, generator=seeded(3), iterations=40)
    gains = torch.tensor(model.history, dtype=torch.float64).diff()
    assert (gains > -1e-12).all() and gains.sum() > 0.05
    assert model.history[-1] == pytest.approx(model.log_prob(x).mean().item(), rel=1e-10)
    again = GaussianMixture(4, kind).fit(x, start=model.responsibilities(x), iterations=1)
    longer = GaussianMixture(4, kind).fit(
        x, generator=seeded(3), iterations=len(model.history) + 1, tolerance=-math.inf
    )
    assert again.history[-1] == pytest.approx(longer.history[-1], rel=1e-10)


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_products_are_the_same_in_one_piece_or_many(diagonal):
    n, d, k = 3000, 45, 3
    u = torch.randn(d, n, generator=seeded(), dtype=torch.float64)
    weights, means = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64), 0.3 * u[:, :k].T
    factor = torch.randn(k, d, d, generator=seeded(1), dtype=torch.float64).tril() / 10 + torch.eye(d)
    scale = factor.diagonal(dim1=1, dim2=2).abs() if diagonal else torch.linalg.cholesky(factor @ factor.mT)
    model = GaussianMixture(k).given(weights, means, torch.diag_embed(scale**2) if diagonal else scale @ scale.mT)
    v = gaussian_mixture.lifted(u, diagonal)
    assert gaussian_mixture.chunk_size(v, k) < n / 3  # several pieces, the last one shorter
    constant, maps = gaussian_mixture.residual_maps(weights, means, scale)
    torch.testing.assert_close(gaussian_mixture.log_joint_of(v, constant, maps).T, model.log_joint(u.T))
    r = model.responsibilities(u.T)
    whole = r.T @ v.T if diagonal else torch.einsum("nk,in,jn->kij", r, v, v)
    torch.testing.assert_close(gaussian_mixture.moments(v, r.T, diagonal), whole)


def test_other_units_change_the_likelihood_by_the_log_determinant_only():
    x, _ = clusters()
    mix = torch.tensor([[2.0, 0.0, 0.0], [700.0, 0.3, 0.0], [5.0, -1.0, 1e-3]], dtype=torch.float64)
    start = soft_start(len(x), 3)
    before = GaussianMixture(3).fit(x, start=start, iterations=30, tolerance=-math.inf)
    after = GaussianMixture(3).fit(x @ mix.T - 9, start=start, iterations=30, tolerance=-math.inf)
    shift = math.log(2 * 0.3 * 1e-3)
    assert after.history == pytest.approx([value - shift for value in before.history], rel=1e-8)


def test_float32_in_float32_out_computed_in_float64():
    x, _ = clusters()
    single = x.float()
    model = GaussianMixture(3).fit(single, generator=seeded())
    same = GaussianMixture(3).fit(single.double(), generator=seeded())
    assert model.means.dtype == torch.float64 and model.history == same.history
    for method in ("log_joint", "log_prob", "responsibilities"):
        result = getattr(model, method)(single)
        assert result.dtype == torch.float32
        torch.testing.assert_close(result, getattr(same, method)(single.double()).float(), rtol=0, atol=0)
    assert model.sample(3, generator=seeded()).dtype == torch.float32
    assert same.sample(3, generator=seeded()).dtype == torch.float64


def test_many_points_at_once_and_gradients():
    x, _ = clusters(n=5000, dimensions=2)
    model = GaussianMixture(2).fit(x[:500], generator=seeded())
    torch.testing.assert_close(model.log_prob(x), torch.cat([model.log_prob(part) for part in x.split(77)]))
    point = x[:3].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.log_prob(point).sum(), point)
    r = model.responsibilities(x[:3])
    covariances = model.scale @ model.scale.mT
    by_hand = sum(
        r[:, k, None] * torch.linalg.solve(covariances[k], (model.means[k] - x[:3]).T).T for k in range(2)
    )  # (3, 2)
    torch.testing.assert_close(slope, by_hand)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_have_the_moments_of_the_model(kind):
    weights = torch.tensor([0.1, 0.6, 0.3], dtype=torch.float64)
    means = torch.tensor([[0.0, 0.0], [4.0, 1.0], [-3.0, 5.0]], dtype=torch.float64)
    covariance = torch.tensor([[1.0, 0.8], [0.8, 2.0]], dtype=torch.float64)
    sizes = torch.tensor([1.0, 1.0, 1.0] if kind == "tied" else [1.0, 0.5, 2.0], dtype=torch.float64)
    covariances = sizes.view(3, 1, 1) * covariance  # (3, 2, 2)
    if kind == "diagonal":
        covariances = torch.diag_embed(covariances.diagonal(dim1=1, dim2=2))
    model = GaussianMixture(3, kind).given(weights, means, covariances)
    x = model.sample(40_000, generator=seeded())
    centre = weights @ means
    apart = means - centre  # (3, 2)
    total = torch.einsum("k,kij->ij", weights, covariances + apart.unsqueeze(2) * apart.unsqueeze(1))
    torch.testing.assert_close(x.mean(0), centre, atol=0.08, rtol=0)
    torch.testing.assert_close(x.T.cov(), total, atol=0.2, rtol=0)
    torch.testing.assert_close(model.responsibilities(x).mean(0), weights, atol=0.01, rtol=0)
    assert torch.equal(x, model.sample(40_000, generator=seeded()))


def test_a_part_that_collapses_is_said_and_put_elsewhere():
    x, k = clusters(n=300, dimensions=2, parts=2)
    start = torch.nn.functional.one_hot(k, 3).double()
    start[0] = torch.tensor([0.0, 0.0, 1.0])  # the third part owns one point
    with pytest.warns(CollapseWarning, match=r"part 3 of 3 has collapsed onto 1 point in iteration 1"):
        model = GaussianMixture(3).fit(x, start=start, generator=seeded(1))
    covariances = model.scale @ model.scale.mT
    data = x.T.cov(correction=0)
    thinnest = torch.linalg.eigvals(torch.linalg.solve(data, covariances)).real.min()
    assert thinnest > gaussian_mixture.THINNEST
    assert model.log_prob(x).isfinite().all()


def test_collapsed_is_a_millionth_of_the_variance_along_any_direction():
    turn = torch.linalg.qr(torch.randn(3, 3, generator=seeded(), dtype=torch.float64)).Q
    thin = torch.tensor([[1.0, 2.0, 1.2e-6], [1.0, 0.8e-6, 1.0], [1.0, 1.0, -1.0]], dtype=torch.float64)
    assert gaussian_mixture.collapsed(thin) == [1, 2]
    assert gaussian_mixture.collapsed(turn @ torch.diag_embed(thin) @ turn.T) == [1, 2]
    assert gaussian_mixture.collapsed(torch.full((2, 3), math.nan)) == [0, 1]


@pytest.mark.parametrize("kind", ["full", "diagonal"])
def test_a_part_without_any_point_is_put_elsewhere(kind):
    x, k = clusters(n=300, parts=2)
    start = torch.nn.functional.one_hot(k, 3).double()
    with pytest.warns(CollapseWarning, match="part 3 of 3 has collapsed onto 0 points"):
        model = GaussianMixture(3, kind).fit(x, start=start, generator=seeded())
    assert model.log_prob(x).isfinite().all()


def test_too_many_parts_are_refused_in_the_end():
    x, k = clusters(n=100, dimensions=2, parts=2)
    x[0] += 100 * x.std(0)  # a point far from all others draws every third part to itself
    start = torch.nn.functional.one_hot(k, 3).double()
    with pytest.warns(CollapseWarning), pytest.raises(CollapseError, match="fewer parts"):
        GaussianMixture(3).fit(x, start=start, iterations=10_000, generator=seeded(1))
    with pytest.raises(CollapseError, match="fewer parts"):
        GaussianMixture(6).fit(torch.randn(8, 3, generator=seeded()), generator=seeded())
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]], dtype=torch.float64).repeat(4, 1)
    with pytest.raises(CollapseError, match="has collapsed"):
        GaussianMixture(3, "tied").fit(corners, generator=seeded())


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.randn(20), "shape"),
        (torch.full((20, 2), math.nan), "finite"),
        (torch.cat([torch.randn(20, 2), torch.ones(20, 1)], dim=1), "column 2"),
        (torch.randn(20, 1, generator=seeded()) @ torch.ones(1, 3), "some direction"),
        (torch.randn(3, 5, generator=seeded()), "some direction"),
        (torch.randn(2, 1, generator=seeded()), "has 2 points"),
    ],
)
def test_data_that_cannot_be_fitted_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(3).fit(x)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="components is 0"):
        GaussianMixture(0)
    with pytest.raises(ValueError, match="'spherical'"):
        GaussianMixture(2, "spherical")
    with pytest.raises(ValueError, match="iterations is 0"):
        GaussianMixture(2).fit(torch.randn(20, 2), iterations=0)
    with pytest.raises(ValueError, match=r"start has shape \(20, 3\)"):
        GaussianMixture(2).fit(torch.randn(20, 2), start=torch.ones(20, 3))
    with pytest.raises(ValueError, match="must have"):
        GaussianMixture(2).given(torch.ones(2) / 2, torch.zeros(2, 3), torch.eye(3))
    with pytest.raises(RuntimeError, match="no parameters yet"):
        GaussianMixture(2).log_prob(torch.zeros(1, 2))


def test_the_number_of_parts_is_chosen_by_points_held_out():
    means = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]], dtype=torch.float64)
    truth = GaussianMixture(3).given(torch.ones(3) / 3, means, torch.eye(2).expand(3, 2, 2))
    x, other = truth.sample(300, generator=seeded(0)), truth.sample(300, generator=seeded(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        choice = GaussianMixture.choose(x, other, (1, 2, 3, 20), starts=2, generator=seeded())
    assert choice.model.components == 3
    assert list(choice.held_out) == [1, 2, 3, 20] and all(len(scores) == 2 for scores in choice.held_out.values())
    best = max(score for scores in choice.held_out.values() for score in scores)
    assert choice.model.log_prob(other).mean().item() == best
    assert best == pytest.approx(truth.log_prob(other).mean().item(), abs=0.05)
    few = torch.randn(9, 3, generator=seeded(), dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        choice = GaussianMixture.choose(few, few, (1, 7), starts=1, generator=seeded())
        assert choice.held_out[7] == [-math.inf] and choice.model.components == 1
        with pytest.raises(CollapseError, match="no number of parts"):
            GaussianMixture.choose(few, few, (7,), starts=1, generator=seeded())


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_dict_brings_it_back(kind):
    x, _ = clusters()
    model = GaussianMixture(3, kind).fit(x, generator=seeded())
    fresh = GaussianMixture(3, kind)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(model.log_prob(x), fresh.log_prob(x))
    with pytest.raises(RuntimeError, match="size mismatch"):
        GaussianMixture(4, kind).load_state_dict(model.state_dict())


def test_k_means_finds_the_best_of_all_partitions():
    x = torch.tensor([[0.0], [1.0], [5.0], [6.0], [20.0]], dtype=torch.float64)
    centres, nearest = k_means(x, 3, generator=seeded())
    assert sorted(centres.flatten().tolist()) == [0.5, 5.5, 20.0]
    torch.testing.assert_close(
        centres[nearest], torch.tensor([[0.5], [0.5], [5.5], [5.5], [20.0]], dtype=torch.float64)
    )
    means = torch.stack([x[nearest == k].mean(0) for k in range(3)])
    torch.testing.assert_close(means, centres)  # a fixed point of both steps


def test_the_first_centres_are_drawn_by_squared_distance():
    x = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    generator = seeded()
    pairs = torch.stack([k_means_start(x, 2, generator=generator)[:, 0] for _ in range(6000)])  # (6000, 2)
    for first, others in (
        (0.0, {1.0: 1 / 10, 3.0: 9 / 10}),
        (1.0, {0.0: 1 / 5, 3.0: 4 / 5}),
        (3.0, {0.0: 9 / 13, 1.0: 4 / 13}),
    ):
        second = pairs[pairs[:, 0] == first, 1]
        assert len(second) == pytest.approx(2000, abs=150)
        for place, probability in others.items():
            assert (second == place).double().mean().item() == pytest.approx(probability, abs=0.04)
    with pytest.raises(ValueError, match="3 different points"):
        k_means(x.repeat(3, 1), 4, generator=seeded())
    with pytest.raises(ValueError, match="clusters is 4"):
        k_means(x, 4)
    with pytest.raises(ValueError, match="must have shape"):
        k_means(x[:, 0], 2)

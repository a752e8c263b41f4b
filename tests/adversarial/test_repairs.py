"""Packs, noise and penalties against hand computations, and against the eigenvalues of the smallest GAN there is."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import coursekit as ck
from coursekit.adversarial import GAN, DCGANDiscriminator, MLPDiscriminator, MLPGenerator, Noisy, Packed, PenalisedGAN


class Sum(nn.Module):
    """A logit that weighs what it sees, and remembers it."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return x.flatten(1) @ self.weights  # (B,)


class Point(nn.Module):
    """The Dirac-GAN's generator: all its mass on theta."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.theta.expand(len(z), 1)  # (B, 1)


class Line(nn.Module):
    """The Dirac-GAN's discriminator: the logit is phi x."""

    def __init__(self, phi: float) -> None:
        super().__init__()
        self.phi = nn.Parameter(torch.tensor(phi, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.phi * x.squeeze(1)  # (B,)


def test_packs_hold_neighbours():
    inner = Sum(1.0, 10.0, 100.0, 1000.0)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    assert Packed(inner, 2)(x).tolist() == [4321.0, 8765.0]


def test_packed_loss_by_hand():
    """Two packs of two: their logits are sums of the logits of their members."""
    model = GAN(nn.Identity(), Packed(Sum(0.5, 0.5), 2), 1)
    real, fake = torch.tensor([[1.0], [2.0], [-1.0], [0.0]]), torch.tensor([[4.0], [0.0], [2.0], [1.0]])
    wanted = [(1 + 2) / 2, (-1 + 0) / 2], [(4 + 0) / 2, (2 + 1) / 2]
    loss = sum(math.log1p(math.exp(-a)) / 2 for a in wanted[0]) + sum(math.log1p(math.exp(a)) / 2 for a in wanted[1])
    assert model.discriminator_loss(real, fake).item() == pytest.approx(loss)
    loss = sum(math.log1p(math.exp(-a)) / 2 for a in wanted[1])
    assert model.generator_loss(fake).item() == pytest.approx(loss)


def test_a_pack_of_one_is_no_pack():
    torch.manual_seed(0)
    inner = MLPDiscriminator((2,), 8)
    x = torch.randn(5, 2)
    assert torch.equal(Packed(inner, 1)(x), inner(x))


def test_images_are_packed_as_channels():
    torch.manual_seed(0)
    inner = DCGANDiscriminator(28, channels=3, width=4).eval()
    x = torch.rand(6, 1, 28, 28)
    logits = Packed(inner, 3)(x)
    assert logits.shape == (2,)
    torch.testing.assert_close(logits[1], inner(torch.cat([x[3], x[4], x[5]]).unsqueeze(0))[0])


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="7 examples do not divide into packs of 2"):
        Packed(Sum(1.0, 1.0), 2)(torch.zeros(7, 1))


def test_noise_is_there_in_training_only_and_falls_in_a_line():
    torch.manual_seed(0)
    inner = Sum(1.0)
    noisy = Noisy(inner, scale=2.0, passes=4)
    x = torch.zeros(200_000, 1)
    for scale in (2.0, 1.5, 1.0, 0.5, 0.0, 0.0):
        noisy.eval()(x)
        assert torch.equal(inner.seen, x)  # and an evaluation does not count
        noisy.train()(x)
        assert inner.seen.std().item() == pytest.approx(scale, abs=0.01)


def test_endless_passes_keep_the_noise():
    torch.manual_seed(0)
    inner = Sum(1.0)
    noisy = Noisy(inner, scale=0.5, passes=math.inf)
    for _ in range(3):
        noisy(torch.zeros(100_000, 1))
        assert inner.seen.std().item() == pytest.approx(0.5, abs=0.01)


def test_the_penalty_of_a_line_is_its_squared_slope():
    real, fake = torch.randn(5, 2), torch.randn(3, 2)
    plain = GAN(nn.Identity(), Sum(3.0, 4.0), 1).discriminator_loss(real, fake)
    penalised = PenalisedGAN(nn.Identity(), Sum(3.0, 4.0), 1, penalty=0.2).discriminator_loss(real, fake)
    assert (penalised - plain).item() == pytest.approx(0.2 / 2 * 25)


def test_the_penalty_is_taken_at_the_data_and_averaged():
    class Bowl(nn.Module):
        def forward(self, x):
            return x.square().sum(dim=1)  # its slope is 2 x

    real, fake = torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([[50.0, 50.0]])
    plain = GAN(nn.Identity(), Bowl(), 1).discriminator_loss(real, fake)
    penalised = PenalisedGAN(nn.Identity(), Bowl(), 1, penalty=1.0).discriminator_loss(real, fake)
    assert (penalised - plain).item() == pytest.approx(0.5 * 4 * (5 + 9) / 2, rel=1e-4)


def test_the_penalty_of_packs_is_a_mean_over_packs():
    real, fake = torch.randn(6, 1), torch.randn(6, 1)
    plain = GAN(nn.Identity(), Packed(Sum(3.0, 4.0), 2), 1).discriminator_loss(real, fake)
    penalised = PenalisedGAN(nn.Identity(), Packed(Sum(3.0, 4.0), 2), 1, penalty=2.0).discriminator_loss(real, fake)
    assert (penalised - plain).item() == pytest.approx(25, rel=1e-5)


def build(kind: str):
    torch.manual_seed(0)
    generator = MLPGenerator(2, (2,), 8, bounded=False)
    if kind == "packed":
        return GAN(generator, Packed(MLPDiscriminator((4,), 8), 2), 2)
    if kind == "noisy":
        return GAN(generator, Noisy(MLPDiscriminator((2,), 8), 0.5, 100), 2)
    return PenalisedGAN(generator, MLPDiscriminator((2,), 8), 2, penalty=0.1)


@pytest.mark.parametrize("kind", ["packed", "noisy", "penalised"])
def test_no_gradient_leaks_into_the_other_player(kind):
    model = build(kind)
    seen = {}

    class Spy:
        def __init__(self, name):
            self.name = name

        def minimise(self, loss):
            model.zero_grad(set_to_none=True)
            loss.backward()
            seen[self.name] = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}

    batch = torch.randn(8, 2)
    model.training_step(batch, {"discriminator": Spy("discriminator"), "generator": Spy("generator")})
    assert seen == {"discriminator": {"discriminator"}, "generator": {"generator"}}
    assert not batch.requires_grad


@pytest.mark.parametrize("kind", ["packed", "noisy", "penalised"])
def test_it_trains_and_resumes(kind, tmp_path):
    data = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))

    def run(*epochs):
        model = build(kind)
        for number in epochs:
            path = tmp_path / f"{len(epochs)}.pt"
            ck.fit(model, data, epochs=number, batch_size=16, checkpoint=path, progress=False, device="cpu")
        return model.state_dict()

    once, twice = run(4), run(1, 4)
    assert all(torch.equal(once[name], twice[name]) for name in once)


def jacobian(model, real):
    """The Jacobian of both players' descent directions at the model's parameters, (2, 2)."""
    theta, phi = model.generator.theta, model.discriminator.phi
    fake = model.generator(real)
    directions = [
        -torch.autograd.grad(loss, parameter, create_graph=True)[0]
        for loss, parameter in ((model.generator_loss(fake), theta), (model.discriminator_loss(real, fake), phi))
    ]
    rows = [torch.autograd.grad(d, (theta, phi), retain_graph=True, materialize_grads=True) for d in directions]
    return torch.stack([torch.stack(row) for row in rows])


@pytest.mark.parametrize("game", ["minimax", "non-saturating"])
@pytest.mark.parametrize("penalty", [0.0, 0.3, 1.0, 1.7])
def test_the_penalty_turns_the_dirac_gans_rotation_into_a_spiral(game, penalty):
    """Mescheder et al.: the eigenvalues are -gamma / 2 +- sqrt(gamma^2 / 4 - 1 / 4)."""
    model = PenalisedGAN(Point(0.0), Line(0.0), 1, penalty=penalty, game=game).double()
    found = torch.linalg.eigvals(jacobian(model, torch.zeros(4, 1, dtype=torch.float64)))
    root = torch.sqrt(torch.tensor(penalty**2 / 4 - 1 / 4, dtype=torch.complex128))
    wanted = torch.stack([-penalty / 2 + root, -penalty / 2 - root])
    gaps = (found.unsqueeze(1) - wanted).abs()
    assert gaps.min(dim=1).values.max().item() < 1e-7 and gaps.min(dim=0).values.max().item() < 1e-7


def test_noise_damps_the_dirac_gan_as_half_its_variance():
    """V'' in phi is -E[x^2] / 2 at the equilibrium, for x of both sides: noise of scale s is a penalty of s^2 / 2."""
    s, phi = 0.8, torch.zeros((), dtype=torch.float64, requires_grad=True)
    x = s * torch.linspace(-8, 8, 20_001, dtype=torch.float64)
    weight = torch.exp(-0.5 * (x / s) ** 2)
    weight = weight / weight.sum()
    value = -(weight * softplus(-phi * x)).sum() - (weight * softplus(phi * x)).sum()
    (slope,) = torch.autograd.grad(value, phi, create_graph=True)
    (curve,) = torch.autograd.grad(slope, phi)
    assert curve.item() == pytest.approx(-(s**2) / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Packed(nn.Identity(), 0), "size must be at least 1, was 0"),
        (lambda: Noisy(nn.Identity(), -1.0, 5), "scale must not be negative, was -1.0"),
        (lambda: Noisy(nn.Identity(), 1.0, 0), "passes must be positive, was 0"),
        (lambda: PenalisedGAN(nn.Identity(), nn.Identity(), 1, penalty=-1.0), "penalty must not be negative, was -1.0"),
    ],
)
def test_errors_say_what_was_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()

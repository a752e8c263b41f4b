"""The game against closed forms: known densities, known optima; and what must not leak between the players."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

import coursekit as ck
from coursekit.adversarial import GAN, MLPDiscriminator, MLPGenerator, distance_to_nearest


class Affine(nn.Module):
    """g(z) = scale z + shift, so that p_g is a known Gaussian."""

    def __init__(self, shift=1.0, scale=2.0):
        super().__init__()
        self.shift, self.scale = nn.Parameter(torch.tensor(shift)), nn.Parameter(torch.tensor(scale))

    def forward(self, z: Tensor) -> Tensor:
        return self.scale * z + self.shift  # (B, 1)


class Optimal(nn.Module):
    """The best discriminator of N(0, 1) against N(1, 2^2): its logit is log p(x) - log p_g(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return (Normal(0.0, 1.0).log_prob(x) - Normal(1.0, 2.0).log_prob(x)).squeeze(1)  # (B,)


def jensen_shannon():
    """JSD of N(0, 1) and N(1, 2^2) in nats, by quadrature."""
    x = torch.linspace(-30, 30, 200_001, dtype=torch.float64)
    p, q = Normal(0.0, 1.0).log_prob(x).exp(), Normal(1.0, 2.0).log_prob(x).exp()
    m = (p + q) / 2
    half = [torch.trapezoid(torch.where(a > 0, a * (a / m).log(), 0.0), x) for a in (p, q)]
    return ((half[0] + half[1]) / 2).item()


def small_game(**options):
    torch.manual_seed(0)
    return GAN(MLPGenerator(2, (2,), 8, bounded=False), MLPDiscriminator((2,), 8), 2, **options)


def test_the_optimal_discriminators_value_is_twice_the_jensen_shannon_divergence_less_log_four():
    generator = torch.Generator().manual_seed(0)
    game = GAN(Affine(), Optimal(), latent_size=1)
    real = torch.randn(400_000, 1, generator=generator)
    fake = game.generator(torch.randn(400_000, 1, generator=generator))
    value = -game.discriminator_loss(real, fake).item()
    assert value == pytest.approx(2 * jensen_shannon() - math.log(4), abs=5e-3)


def test_any_other_discriminator_does_worse():
    x = torch.linspace(-30, 30, 20_001, dtype=torch.float64).unsqueeze(1)
    p, q = Normal(0.0, 1.0).log_prob(x).exp().squeeze(), Normal(1.0, 2.0).log_prob(x).exp().squeeze()

    def value(logit):
        return torch.trapezoid(p * logit.sigmoid().log() + q * (-logit).sigmoid().log(), x.squeeze()).item()

    best = Optimal()(x)
    assert value(best) == pytest.approx(2 * jensen_shannon() - math.log(4), abs=1e-6)
    for change in (0.1, -0.1, 0.1 * torch.sin(x.squeeze())):
        assert value(best + change) < value(best)


@pytest.mark.parametrize("game", ["minimax", "non-saturating"])
def test_losses_are_the_logarithms_that_they_stand_for(game):
    model = small_game(game=game)
    real, fake = torch.randn(5, 2), torch.randn(5, 2)
    said = model.discriminator(real).sigmoid().double(), model.discriminator(fake).sigmoid().double()
    wanted = -said[0].log().mean() - (1 - said[1]).log().mean()
    assert model.discriminator_loss(real, fake).item() == pytest.approx(wanted.item(), rel=1e-5)
    wanted = (1 - said[1]).log().mean() if game == "minimax" else -said[1].log().mean()
    assert model.generator_loss(fake).item() == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize(("game", "slope"), [("minimax", 0.0), ("non-saturating", -1.0)])
def test_where_the_discriminator_is_sure_only_one_game_has_a_gradient(game, slope):
    """d/dlogit of log(1 - D) is -D, of -log D it is -(1 - D)."""
    logit = torch.tensor([-40.0], requires_grad=True)
    model = GAN(nn.Identity(), nn.Identity(), 1, game=game)
    model.generator_loss(logit).backward()
    assert logit.grad.item() == pytest.approx(slope, abs=1e-6)


def test_no_gradient_leaks_into_the_other_player():
    model = small_game()
    seen = {}

    class Spy:
        def __init__(self, name):
            self.name = name

        def minimise(self, loss):
            model.zero_grad(set_to_none=True)
            loss.backward()
            seen[self.name] = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}

    model.training_step(torch.randn(8, 2), {"discriminator": Spy("discriminator"), "generator": Spy("generator")})
    assert seen == {"discriminator": {"discriminator"}, "generator": {"generator"}}
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_generators_gradient_is_that_of_a_fresh_pass():
    """Fakes computed once, discriminator frozen: the gradients are those of the usual loop."""
    model = small_game().double()
    z = torch.randn(8, 2, dtype=torch.float64)
    model.draw = lambda n: z
    found = {}

    class Keep:
        def minimise(self, loss):
            model.zero_grad(set_to_none=True)
            loss.backward()
            found.update({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})

    model.training_step(torch.randn(8, 2, dtype=torch.float64), {"discriminator": Keep(), "generator": Keep()})
    model.zero_grad()
    model.generator_loss(model.generator(z)).backward()
    for name, parameter in model.generator.named_parameters():
        torch.testing.assert_close(found[f"generator.{name}"], parameter.grad, rtol=1e-12, atol=0)


def test_the_generator_moves_after_k_steps_of_the_discriminator():
    model = small_game(discriminator_steps=3)
    moves = []

    class Count:
        def __init__(self, name):
            self.name = name

        def minimise(self, loss):
            moves.append(self.name)

    for _ in range(6):
        model.training_step(torch.randn(8, 2), {"discriminator": Count("d"), "generator": Count("g")})
    assert moves == ["d", "d", "d", "g", "d", "d", "d", "g"]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_game_on_the_line_ends_at_one_half(optimizer):
    """N(3, 0.5^2) learnt by an affine generator: p_g = p and D = 1/2 everywhere there is data."""
    torch.manual_seed(0)
    data = 3 + 0.5 * torch.randn(4000, 1, generator=torch.Generator().manual_seed(1))
    model = GAN(Affine(0.0, 1.0), MLPDiscriminator((1,), 32), 1, optimizer=optimizer)
    model.learning_rate = {"adam": 5e-3, "sgd": 1e-1}[optimizer]
    ck.fit(model, data, epochs=80, batch_size=200, ema=0.99, progress=False)
    assert model.generator.shift.item() == pytest.approx(3.0, abs=0.05)
    assert abs(model.generator.scale.item()) == pytest.approx(0.5, abs=0.05)
    assert model.discriminator(data).sigmoid().mean().item() == pytest.approx(0.5, abs=0.05)


def test_history_has_both_players_means():
    data = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    model = small_game(discriminator_steps=2)
    model.learning_rate = 0.0
    history = ck.fit(model, data, epochs=1, batch_size=16, progress=False)
    # nobody moves: each batch's loss is log 4 up to the small start of the networks, the generator's log 2
    assert history["discriminator"][0] == pytest.approx(math.log(4), abs=0.3)
    assert history["generator"][0] == pytest.approx(math.log(2), abs=0.2)


def test_samples_follow_the_seed_and_have_no_gradient():
    model = small_game()
    first, second = (model.sample(7, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (7, 2)
    assert torch.equal(first, second)
    assert not first.requires_grad


def test_distance_to_nearest_by_hand():
    real = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    fake = torch.tensor([[0.0, 1.0], [3.0, 0.0], [0.0, -2.0]], requires_grad=True)
    distance = distance_to_nearest(real, fake)
    assert distance.item() == pytest.approx((1 + 16) / 2)
    distance.backward()
    assert fake.grad[2].abs().sum() == 0  # nobody's nearest


def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path):
    data = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))

    def run(*epochs):
        model = small_game(discriminator_steps=3)
        for number in epochs:
            path = tmp_path / f"{len(epochs)}.pt"
            ck.fit(model, data, epochs=number, batch_size=16, checkpoint=path, progress=False, device="cpu")
        return model.state_dict()

    once, twice = run(4), run(1, 4)
    assert all(torch.equal(once[name], twice[name]) for name in once)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"game": "zero-sum"}, "game must be .*'zero-sum'"),
        ({"optimizer": "lion"}, "optimizer must be .*'lion'"),
        ({"discriminator_steps": 0}, "discriminator_steps must be at least 1, was 0"),
    ],
)
def test_errors_say_what_was_wrong(options, message):
    with pytest.raises(ValueError, match=message):
        small_game(**options)


def test_spectral_normalisation_bounds_the_slope():
    torch.manual_seed(0)
    network = MLPDiscriminator((2,), 32, spectral=True).double()
    for _ in range(50):  # the power iteration settles
        network(torch.randn(4, 2, dtype=torch.float64))
    network.eval()
    x = torch.randn(500, 2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x).sum(), x)
    assert slope.norm(dim=1).max().item() <= 1 + 1e-3

"""Ten games side by side are ten games: the same numbers as each of them alone."""

import importlib.util
from pathlib import Path

import pytest
import torch

from coursekit.adversarial import distance_to_nearest, ring_game
from coursekit.adversarial.ring import REPAIRS

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "ring.py"
SEEDS = range(3)


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("ring_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("repair", [name for name in REPAIRS if name not in ("spectral", "noise")])
def test_losses_and_gradients_are_means_over_the_seeds(benchmark, repair):
    games, together = [ring_game(repair, seed) for seed in SEEDS], benchmark.side_by_side(repair, SEEDS)
    z, real = torch.randn(64, 2 * len(SEEDS)), torch.randn(64, len(SEEDS), 2)
    fake = together.generator(z)
    alone = [game.generator(z[:, 2 * i : 2 * i + 2]) for i, game in enumerate(games)]
    torch.testing.assert_close(fake, torch.stack(alone, dim=1))
    together.batch = real
    losses = together.discriminator_loss(real, fake.detach()), together.generator_loss(fake)
    wanted = [0.0, 0.0]
    for i, game in enumerate(games):
        wanted[0] += game.discriminator_loss(real[:, i], alone[i].detach()) / len(SEEDS)
        wanted[1] += game.generator_loss(alone[i]) / len(SEEDS)
        wanted[1] += game.covering * distance_to_nearest(real[:, i], alone[i]) / len(SEEDS)
    torch.testing.assert_close(losses, tuple(wanted))
    sum(losses).backward()
    sum(wanted).backward()
    for player in ("discriminator", "generator"):
        stacked = [p.grad for name, p in getattr(together, player).named_parameters() if "weights" in name]
        for i, game in enumerate(games):
            own = [p.grad for p in getattr(game, player).parameters() if p.dim() == 2]
            for one, all_seeds in zip(own, stacked, strict=True):
                torch.testing.assert_close(all_seeds[i].T, one, rtol=1e-4, atol=1e-7)


def test_spectral_weights_have_norm_one(benchmark):
    together = benchmark.side_by_side("spectral", SEEDS)
    side = together.discriminator.side
    for _ in range(100):
        together.discriminator(torch.randn(4, len(SEEDS), 2))
    for i, weight in enumerate(side.weights):
        norms = torch.linalg.matrix_norm(side.normalised(i, weight), ord=2)
        torch.testing.assert_close(norms, torch.ones(len(SEEDS)), rtol=1e-3, atol=1e-3)

"""The ring of eight Gaussians, played by a plain GAN and by repaired ones with the same networks and as many steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from coursekit.adversarial.gan import GAN
from coursekit.adversarial.networks import MLPDiscriminator, MLPGenerator
from coursekit.adversarial.repairs import Noisy, Packed, PenalisedGAN
from coursekit.distributions.planar import GaussianRing
from coursekit.training.loop import fit

RING = GaussianRing()
"""Eight modes at distance 2 from the origin, each with standard deviation 0.02."""
SETTINGS: dict[str, Any] = {
    "points": 6400,
    "latent_size": 2,
    "generator_width": 64,
    "discriminator_width": 32,
    "learning_rate": 1e-3,
    "batch_size": 64,
    "epochs": 50,
    "ema": 0.99,
    "judged": 10_000,
}
"""What all games have in common; an epoch is 100 steps of the discriminator."""
REPAIRS = {
    "plain": "nothing",
    "k = 3": "three steps of the discriminator for one of the generator",
    "noise": "noise of scale 0.5 on the discriminator's input, gone after four fifths of the run",
    "L2 term": "half the squared distance from each data point to the nearest fake, in the generator's loss",
    "spectral": "spectral normalisation of the discriminator",
    "packs": "packs of two",
    "penalty": "a penalty of weight 0.5 on the squared slope at the data",
}
"""What each game changes."""


def ring_points() -> Tensor:
    """The data of all games, shape (6,400, 2), always the same."""
    return RING.sample((SETTINGS["points"],), generator=torch.Generator().manual_seed(0)).float()


def ring_game(repair: str, seed: int) -> GAN:
    """An untrained game with one of the `REPAIRS`, its weights drawn from ``seed``.

    Raises
    ------
    ValueError
        If there is no such repair.
    """
    if repair not in REPAIRS:
        raise ValueError(f"repair must be one of {list(REPAIRS)}, was {repair!r}")
    torch.manual_seed(seed)
    generator = MLPGenerator(SETTINGS["latent_size"], (2,), SETTINGS["generator_width"], bounded=False)
    inputs = (4,) if repair == "packs" else (2,)
    judge = MLPDiscriminator(inputs, SETTINGS["discriminator_width"], spectral=repair == "spectral")
    steps = SETTINGS["epochs"] * SETTINGS["points"] // SETTINGS["batch_size"]
    wrapped: dict[str, nn.Module] = {"packs": Packed(judge, 2), "noise": Noisy(judge, 0.5, passes=3 * 0.8 * steps)}
    players = generator, wrapped.get(repair, judge), SETTINGS["latent_size"]
    if repair == "penalty":
        game: GAN = PenalisedGAN(*players, penalty=0.5)
    else:
        game = GAN(
            *players, discriminator_steps=3 if repair == "k = 3" else 1, covering=0.5 if repair == "L2 term" else 0.0
        )
    game.learning_rate = SETTINGS["learning_rate"]
    return game


def play_ring(repair: str, seed: int) -> GAN:
    """The game of `ring_game`, trained on the CPU."""
    game = ring_game(repair, seed)
    options = {name: SETTINGS[name] for name in ("batch_size", "epochs", "ema")}
    fit(game, ring_points(), seed=seed, device="cpu", progress=False, **options)
    return game

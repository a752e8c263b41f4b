"""The games on the ring: what each repair changes, and that the stored table is the one of these settings."""

import json
from importlib.resources import files

import pytest
import torch

from coursekit.adversarial import Noisy, Packed, PenalisedGAN, play_ring, ring, ring_game


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setitem(ring.SETTINGS, "epochs", 2)
    monkeypatch.setitem(ring.SETTINGS, "points", 256)


def test_the_points_lie_on_the_ring_and_are_always_the_same():
    points = ring.ring_points()
    assert points.shape == (6400, 2) and torch.equal(points, ring.ring_points())
    assert points.norm(dim=1).mean().item() == pytest.approx(2.0, abs=0.01)


def test_repairs_change_one_thing_each():
    games = {repair: ring_game(repair, seed=0) for repair in ring.REPAIRS}
    start = games["plain"].generator.state_dict()
    for repair, game in games.items():
        same = game.generator.state_dict()
        assert all(torch.equal(start[name], same[name]) for name in start), repair
        assert isinstance(game.discriminator, Packed) == (repair == "packs")
        assert isinstance(game.discriminator, Noisy) == (repair == "noise")
        assert isinstance(game, PenalisedGAN) == (repair == "penalty")
        assert (game.covering > 0) == (repair == "L2 term")
        assert game.discriminator_steps == (3 if repair == "k = 3" else 1)
        parametrised = any("parametrizations" in name for name in game.discriminator.state_dict())
        assert parametrised == (repair == "spectral")


@pytest.mark.parametrize("repair", ring.REPAIRS)
def test_every_game_trains_and_follows_its_seed(repair, short):
    first, again, other = (play_ring(repair, seed).generator[0].weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_unknown_repair_is_refused():
    with pytest.raises(ValueError, match="repair must be one of .*'plain'.*, was 'glue'"):
        ring_game("glue", 0)


def test_the_stored_table_was_made_with_these_settings():
    text = (files("coursekit.adversarial") / "measured" / "ring.json").read_text(encoding="utf-8")
    table = json.loads(text)
    assert table["settings"] == ring.SETTINGS and table["repairs"] == ring.REPAIRS
    runs = {(run["repair"], run["seed"]) for run in table["runs"]}
    assert runs == {(repair, seed) for repair in ring.REPAIRS for seed in range(10)}
    for run in table["runs"]:
        assert run["modes"] == sum(count > 0 for count in run["counts"])
        assert run["high_quality"] == pytest.approx(sum(run["counts"]) / table["settings"]["judged"], abs=1e-4)

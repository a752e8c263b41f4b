"""The stored table of DCGAN's rules: whole, readable, and measured with the settings that its script states."""

import base64
import json
import math
import sys
import zlib
from importlib import resources
from pathlib import Path

import pytest
import torch
from torch import nn

from coursekit.adversarial import DCGANGenerator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import dcgan_rules
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return dcgan_rules


@pytest.fixture(scope="module")
def table():
    stored = resources.files("coursekit.adversarial") / "measured" / "dcgan_rules.json"
    return json.loads(stored.read_text(encoding="utf-8"))


def test_every_row_has_every_seed_and_the_settings_are_the_scripts(script, table):
    assert table["settings"] == script.SETTINGS
    expected = [(name, seed) for name in script.ROWS for seed in script.seeds_of(name)]
    assert [(run["name"], run["seed"]) for run in table["runs"]] == expected
    assert table["cpu_minutes"] == pytest.approx(sum(run["seconds"] for run in table["runs"]) / 60, abs=0.06)


def test_every_curve_is_whole(script, table):
    for run in table["runs"][:-1]:
        assert run["curve"][-1]["epoch"] == script.epochs_of(run["name"])
        moments = script.SETTINGS["epochs"] // script.SETTINGS["judged_every"]
        assert len(run["curve"]) == (3 * moments if run["name"].endswith(script.LONG) else moments)
        assert all(math.isfinite(moment["fid"]) and 0 <= moment["unsure"] <= 1 for moment in run["curve"])


def test_seed_zero_has_ten_samples_that_can_be_read(table):
    for run in table["runs"]:
        assert ("samples" in run) == (run["seed"] == 0)
        if run["seed"] == 0:
            pixels = zlib.decompress(base64.b64decode(run["samples"]))
            assert len(pixels) == (12 * 3 * 32 * 32 if run["name"] == "coloured shapes" else 10 * 28 * 28)


def test_he_start_keeps_the_size_of_a_signal(script):
    """Through a whole generator without batch normalisation; with the fixed 0.02 the signal all but vanishes."""
    z = torch.randn(200, script.SETTINGS["latent_size"], generator=torch.Generator().manual_seed(0))
    sizes = {}
    for name in ("without batch_norm", "without batch_norm, He start"):
        generator = script.build(name, seed=0).generator
        assert isinstance(generator, DCGANGenerator)
        sizes[name] = nn.Sequential(*list(generator)[:-1])(z).std().item()  # what the tanh is given
    assert sizes["without batch_norm"] < 0.01
    assert 0.2 < sizes["without batch_norm, He start"] < 5

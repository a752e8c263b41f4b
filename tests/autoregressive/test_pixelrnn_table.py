"""The stored table of reading orders: whole, and measured with the settings that its script states."""

import json
from importlib import resources

import pytest
import torch

from benchmarks import pixelrnn as script


@pytest.fixture(scope="module")
def table():
    stored = resources.files("coursekit.autoregressive") / "measured" / "pixelrnn.json"
    return json.loads(stored.read_text(encoding="utf-8"))


def test_every_run_is_there_with_the_settings_of_the_script(table):
    assert table["settings"] == script.SETTINGS
    assert [run["name"] for run in table["runs"]] == list(script.RUNS)
    seconds = [run["curve"][-1]["seconds"] for run in table["runs"]]
    assert min(seconds) >= script.SETTINGS["seconds"]
    assert table["cpu_minutes"] == pytest.approx(sum(seconds) / 60, abs=0.06)


def test_each_run_is_of_the_network_that_is_built(table):
    for run in table["runs"]:
        chosen = script.RUNS[run["name"]]
        model = chosen.make((1, chosen.side, chosen.side))
        assert run["weights"] == sum(parameter.numel() for parameter in model.parameters())
        assert (run["side"], run["learning_rate"]) == (chosen.side, chosen.rate)
        assert [moment["epoch"] % chosen.every for moment in run["curve"]] == [0] * len(run["curve"])


def test_without_links_a_layer_hands_on_its_memory_alone():
    torch.manual_seed(0)
    model = script.RUNS["2 layers"].make((1, 7, 7))
    layer, h = model.layers[0], torch.rand(1, 32, 7, 8)

    def everywhere(module, x):
        return module(x)

    with_link = layer(h, everywhere)
    script.without_links(model)
    torch.testing.assert_close(with_link, h + layer(h, everywhere))

"""Tables of runs: in order, whole, and begun anew when the settings change."""

import importlib.util
import json
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "benchmarks" / "stored.py"


@pytest.fixture(scope="module")
def stored():
    specification = importlib.util.spec_from_file_location("stored", SOURCE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def run(name, seed, seconds=30.0):
    return {"name": name, "seed": seed, "seconds": seconds}


def test_runs_stand_in_the_order_of_the_rows_and_the_last_of_equals_counts(stored, tmp_path):
    table = stored.Table(tmp_path / "measured" / "some.json", {"epochs": 3}, ["first", "second"])
    for record in (run("second", 0), run("first", 1), run("first", 0), run("second", 0, seconds=60.0)):
        table.store(record)
    content = json.loads(table.path.read_text())
    assert content["runs"] == [run("first", 0), run("first", 1), run("second", 0, seconds=60.0)]
    assert content["cpu_minutes"] == 2.0
    assert content == table.read()
    assert [path.name for path in table.path.parent.iterdir()] == ["some.json"]


def test_other_settings_begin_anew(stored, tmp_path, capsys):
    stored.Table(tmp_path / "some.json", {"epochs": 3}, ["first"]).store(run("first", 0))
    assert stored.Table(tmp_path / "some.json", {"epochs": 4}, ["first"]).read()["runs"] == []
    assert "other settings" in capsys.readouterr().out

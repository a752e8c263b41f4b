"""The full budget on photographs starts, is killed, resumes, and ends as if nothing had happened."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "benchmarks" / "full_images.py"
TINY = "--data shapes --images 96 --width 4 --latent 3 --batch 32 --device cpu --fid-every 0".split()


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("full_images", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Pooled:
    """Sixteen values a channel, in place of Inception's 90 MB of weights."""

    name = "pooled pixels"

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(x, 8).flatten(1)  # (B, 48)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("model, size", [("dcgan", 32), ("vae", 64)])
def test_a_killed_run_resumes_to_the_same_weights_and_samples(script, capsys, tmp_path, model, size):
    options = [*TINY, "--model", model, "--size", str(size)]
    killed, whole = tmp_path / "killed.pt", tmp_path / "whole.pt"
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *options, "--epochs", "5000", "--checkpoint", str(killed)],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not killed.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    done = torch.load(killed, weights_only=True)["epoch"]
    assert 1 <= done < 5000

    epochs = str(done + 2)
    script.main([*options, "--epochs", epochs, "--checkpoint", str(killed)])
    assert "found, training goes on" in capsys.readouterr().out
    script.main([*options, "--epochs", epochs, "--checkpoint", str(whole)])
    printed = capsys.readouterr().out
    assert "goes on" not in printed and re.search(rf"^ +{epochs} +-?\d", printed, re.MULTILINE)

    resumed, expected = (torch.load(path, weights_only=True) for path in (killed, whole))
    for part in ("model", "averaged", "history"):
        assert resumed[part].keys() == expected[part].keys()
        for name, value in expected[part].items():
            assert torch.equal(torch.as_tensor(resumed[part][name]), torch.as_tensor(value)), name
    samples = [f"epoch-{epoch:04d}.png" for epoch in range(1, done + 3)]
    assert sorted(path.name for path in (tmp_path / "whole").iterdir()) == samples
    for name in samples[-2:]:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_curve_is_printed_and_survives_a_restart(script, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(script, "inception_features", lambda device: Pooled())
    options = [*TINY[:-1], "2", "--checkpoint", str(tmp_path / "run.pt")]
    script.main([*options, "--epochs", "3"])
    assert "best FID" in capsys.readouterr().out
    first = script.Watcher(tmp_path / "run", torch.zeros(1, 3, 32, 32), 3, 0).curve()
    assert sorted(first) == [2, 3]  # every second epoch and the last
    script.main([*options, "--epochs", "4"])
    curve = script.Watcher(tmp_path / "run", torch.zeros(1, 3, 32, 32), 4, 0).curve()
    assert sorted(curve) == [2, 3, 4] and curve[2] == first[2]
    last = capsys.readouterr().out.splitlines()[-2]
    assert re.fullmatch(rf"best FID \S+ after epoch {min(curve, key=curve.__getitem__)}, last {curve[4]:.2f}", last)


def test_without_inception_it_says_so_and_trains(script, monkeypatch, capsys, tmp_path):
    def missing(device):
        raise script.FeaturesError(
            "Inception's features need the package torch-fidelity.", "pip install torch-fidelity"
        )

    monkeypatch.setattr(script, "inception_features", missing)
    script.main([*TINY[:-1], "1", "--epochs", "1", "--model", "vae", "--checkpoint", str(tmp_path / "run.pt")])
    printed = capsys.readouterr().out
    assert "No FID: Inception's features need the package" in printed and "best FID" not in printed
    assert "validation" in printed and (tmp_path / "run" / "epoch-0001.png").exists()

"""A killed run resumes exactly, whenever it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import coursekit as ck
from coursekit.training import CheckpointError, checkpoint

# A run of its own process: trains a small VAE, kills itself with SIGKILL at a chosen point, or finishes and saves.
SCRIPT = """
import os, signal, sys
import torch
torch.set_num_threads(1)
import coursekit as ck
from coursekit.training import checkpoint, single

path, result, kill_at = sys.argv[1], sys.argv[2], sys.argv[3]
if kill_at.startswith("save"):
    original, calls = torch.save, [0]
    def save_half(state, file):
        calls[0] += 1
        if calls[0] == int(kill_at[4:]):
            file.write(b"half a checkpoint" * 1000)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        original(state, file)
    torch.save = save_half
elif kill_at.startswith("step"):
    original_minimise, calls = single.Minimiser.minimise, [0]
    def minimise(self, loss):
        calls[0] += 1
        if calls[0] == int(kill_at[4:]):
            os.kill(os.getpid(), signal.SIGKILL)
        original_minimise(self, loss)
    single.Minimiser.minimise = minimise

images = (torch.rand(256, 1, 28, 28, generator=torch.Generator().manual_seed(0)) < 0.2).float()
torch.manual_seed(0)
model = ck.autoencoders.VAE(2, ck.autoencoders.DenseEncoder(4, hidden=16), ck.autoencoders.DenseDecoder(2, hidden=16))
history = ck.fit(model, images, epochs=4, batch_size=64, validation=images[:64], patience=10, ema=0.9,
                 checkpoint=path, device="cpu", progress=False)
torch.save({"model": model.state_dict(), "history": history.state_dict()}, result)
"""


def run(folder: Path, name: str, kill_at: str) -> subprocess.CompletedProcess[bytes]:
    arguments = [sys.executable, "-c", SCRIPT, str(folder / f"{name}.pt"), str(folder / f"{name}.result"), kill_at]
    return subprocess.run(arguments, timeout=240, capture_output=True, check=False)


@pytest.mark.parametrize("kill_at", ["save1", "save3", "step6"])
def test_a_killed_run_ends_bit_identical_to_an_uninterrupted_one(tmp_path, kill_at):
    assert run(tmp_path, "whole", "never").returncode == 0
    assert run(tmp_path, "killed", kill_at).returncode == -signal.SIGKILL
    assert not (tmp_path / "killed.result").exists()
    finished = run(tmp_path, "killed", "never")
    assert finished.returncode == 0, finished.stderr.decode()

    whole, resumed = (torch.load(tmp_path / f"{name}.result", weights_only=True) for name in ("whole", "killed"))
    assert whole["history"] == resumed["history"]
    assert whole["model"].keys() == resumed["model"].keys()
    for name, value in whole["model"].items():
        assert torch.equal(value, resumed["model"][name]), name
    assert not list(tmp_path.glob(".*.partial"))


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    model, images = ck.autoencoders.Autoencoder(2), torch.rand(32, 1, 28, 28)
    ck.fit(model, images, epochs=1, checkpoint=tmp_path / "run.pt", progress=False)
    with pytest.raises(CheckpointError, match="batch_size=128, this one has batch_size=8"):
        ck.fit(model, images, epochs=2, batch_size=8, checkpoint=tmp_path / "run.pt", progress=False)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"half a checkpoint" * 1000])
def test_a_damaged_checkpoint_is_one_clear_error(tmp_path, content):
    path = tmp_path / "run.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not one that fit wrote.*remove it to start afresh"):
        ck.fit(ck.autoencoders.Autoencoder(2), torch.rand(8, 1, 28, 28), epochs=1, checkpoint=path, progress=False)


def test_a_checkpoint_that_would_execute_code_is_refused(tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    path = tmp_path / "run.pt"
    torch.save({"settings": Payload()}, path)
    with pytest.raises(CheckpointError):
        checkpoint.load(path, {})
    assert not (tmp_path / "executed").exists()


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    checkpoint.save(path, {"settings": {}, "value": 1})

    def fail(state, file):
        file.write(b"part")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, {"settings": {}, "value": 2})
    monkeypatch.undo()
    assert checkpoint.load(path, {})["value"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]

"""Two processes train as one does on the combined batch."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

pytest.importorskip("lightning_fabric", reason="Lightning Fabric is in the extra [distributed]")

SCRIPT = """
import importlib.util, sys
import torch
torch.set_num_threads(1)
import coursekit as ck

specification = importlib.util.spec_from_file_location("test_fit", sys.argv[1])
games = importlib.util.module_from_spec(specification)
specification.loader.exec_module(games)
devices, kind, result = int(sys.argv[2]), sys.argv[3], sys.argv[4]

torch.manual_seed(0)
generator = torch.Generator().manual_seed(0)
if kind == "autoencoder":
    networks = ck.autoencoders.DenseEncoder(3, hidden=8), ck.autoencoders.DenseDecoder(3, hidden=8)
    model = ck.autoencoders.Autoencoder(3, *networks)
    data = torch.rand(64, 1, 28, 28, generator=generator)
    options = {"clip": 0.5, "ema": 0.9, "validation": data[:16]}
else:
    model = games.TinyGame()
    data = torch.randn(64, 1, generator=generator) + 2
    options = {}
history = ck.fit(
    model, data, epochs=3, batch_size=16, device="cpu", devices=devices, progress=False, **options
)
if devices == 1 or torch.distributed.get_rank() == 0:
    torch.save({"model": model.state_dict(), "history": history.state_dict()}, result)
"""


@pytest.mark.parametrize("kind", ["autoencoder", "game"])
def test_two_processes_give_the_parameters_of_one_on_the_combined_batch(tmp_path, kind):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    for devices in (1, 2):
        arguments = [sys.executable, script, __file__.replace("several_processes", "fit"), str(devices), kind]
        process = subprocess.run(
            [*arguments, tmp_path / f"{devices}.pt"], timeout=240, capture_output=True, check=False
        )
        assert process.returncode == 0, process.stderr.decode()[-3000:]
    one, two = (torch.load(tmp_path / f"{devices}.pt", weights_only=True) for devices in (1, 2))
    torch.testing.assert_close(two["model"], one["model"], rtol=1e-4, atol=1e-6)
    for name, values in one["history"].items():
        assert two["history"][name] == pytest.approx(values, rel=1e-4), name

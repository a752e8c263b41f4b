"""What reaching back is worth: WaveNets of eight layers and equal size on the bundled cello, dilated differently.

The dilations are 1 throughout; 1, 2 repeated; 1, 2, 4, 8 repeated; and 1, 2, 4, ..., 128. All have the same number of
weights, the same windows and the same training, and are judged after each epoch by the bits per sample on the test half
second of every note, from the 257th sample on. The table is kept in
coursekit/autoregressive/measured/wavenet_reach.json, where the chapter on WaveNet finds it.

Run: make bench BENCH=benchmarks/wavenet_reach.py        (2.4 CPU minutes, one thread)
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from pathlib import Path

import torch

import coursekit as ck
from coursekit.autoregressive import WaveNet

TABLE = Path(ck.__file__).parent / "autoregressive" / "measured" / "wavenet_reach.json"
SEEDS = range(3)
STACKS = {"1": [1] * 8, "1, 2": [1, 2] * 4, "1, 2, 4, 8": [1, 2, 4, 8] * 2, "1, 2, ..., 128": [2**i for i in range(8)]}
SETTINGS = {
    "width": 32, "window": 512, "stride": 256, "epochs": 3, "batch_size": 4, "learning_rate": 8e-3, "ema": 0.99,
}  # fmt: skip


def curve(dilations: list[int], seed: int) -> tuple[WaveNet, list[float]]:
    """A network that knows the note, and its test bits after each epoch (averaged weights)."""
    torch.manual_seed(seed)
    model = WaveNet(SETTINGS["window"], 256, SETTINGS["width"], dilations, classes=8)
    model.learning_rate = SETTINGS["learning_rate"]
    windows = ck.data.cello().train.windows(SETTINGS["window"], SETTINGS["stride"])
    found: list[float] = []
    ck.fit(
        model, windows, epochs=SETTINGS["epochs"], batch_size=SETTINGS["batch_size"], ema=SETTINGS["ema"], seed=seed,
        device="cpu", progress=False, after_epoch=lambda epoch, averaged: found.append(round(bits(averaged), 4)),
    )  # fmt: skip
    return model, found


@torch.no_grad()
def bits(model: WaveNet) -> float:
    """Bits per sample on the test part."""
    levels, labels = ck.data.cello().test
    return -model.log_conditionals(levels, labels)[:, 256:].mean().item() / math.log(2)


def main() -> None:
    """Train every stack from every seed, print the table and store it."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    rows, begin = [], time.process_time()
    for name, dilations in STACKS.items():
        curves, started = [], time.process_time()
        for seed in SEEDS:
            model, found = curve(dilations, seed)
            curves.append(found)
        reach, weights = model.receptive_field, sum(p.numel() for p in model.parameters())
        seconds = (time.process_time() - started) / len(SEEDS)
        rows.append({
            "name": name, "dilations": dilations, "receptive_field": reach, "weights": weights, "bits": curves,
            "seconds": round(seconds, 1),
        })  # fmt: skip
        last = [found[-1] for found in curves]
        mean, spread = statistics.mean(last), statistics.stdev(last)
        print(f"dilations {name:15s} field {reach:4d}, {weights:,} weights: {mean:.3f} +- {spread:.3f} bits a sample")
    table = {
        "settings": SETTINGS,
        "seeds": len(SEEDS),
        "cpu_minutes": round((time.process_time() - begin) / 60, 1),
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "rows": rows,
    }
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"{TABLE}: {table['cpu_minutes']} CPU minutes")


if __name__ == "__main__":
    main()

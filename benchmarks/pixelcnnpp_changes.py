"""What each change of PixelCNN++ is worth, and what a gate is worth: test likelihoods along the training.

Changes: all on, then each taken back, on coloured shapes of 12 x 12 pixels with 256 levels, several seeds; dropout on
many and on few images. Gates: the gated PixelCNN on coarse binary digits, the same network with rectifiers in place of
gates, and a PixelCNN of about as many weights. The table is kept in coursekit/autoregressive/measured/, where the
chapter finds it. A run that stands there is not repeated: delete the file, or pass --again, to measure anew. Several
processes may work on the table at once.

Run: make bench BENCH=benchmarks/pixelcnnpp_changes.py        (12 CPU minutes, one thread a process)
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from stored import Table, as_text
from torch import Tensor
from torch.nn.functional import avg_pool2d

import coursekit as ck
from coursekit.autoregressive import Autoregressive, Changes, GatedPixelCNN, PixelCNN, PixelCNNPlusPlus, pixelcnn

SETTINGS: dict[str, Any] = {
    "shapes": {"size": 12, "train": 1500, "few": 100, "test": 300, "levels": 256},
    "network": {"width": 12, "mixtures": 5, "blocks": 1, "halvings": 1},
    "batch_size": 30,
    "learning_rate": 4e-3,
    "ema": 0.99,
    "epochs": 6,
    "few_epochs": 60,
    "moments": 3,
    "gates": {"size": 14, "train": 3000, "width": 16, "layers": 4, "epochs": 6},
}
CHANGES = {"all changes": Changes()} | {f"without {f.name}": Changes(**{f.name: False}) for f in fields(Changes)}
DROPOUT = {"dropout 0.5": 0.5, "few images": 0.0, "few images, dropout 0.5": 0.5}
GATES = ("gates", "rectifiers, same shape", "PixelCNN")
SEEDS = {name: range(1 if name.startswith("few") else 2) for name in [*CHANGES, *DROPOUT, *GATES]}
ROWS = list(SEEDS)
TABLE = Table(Path(ck.__file__).parent / "autoregressive" / "measured" / "pixelcnnpp_changes.json", SETTINGS, ROWS)


def shapes() -> tuple[Tensor, Tensor]:
    """Coloured shapes for training and for testing, (N, 3, size, size), on whole levels."""
    settings, generator = SETTINGS["shapes"], torch.Generator().manual_seed(0)
    sets = (ck.data.shapes(settings[n], settings["size"], generator=generator).images for n in ("train", "test"))
    train, test = ((images * 255).round() / 255 for images in sets)
    return train, test


def coarse_digits() -> tuple[Tensor, Tensor]:
    """Digits of 14 x 14 pixels, black or white, for training and for testing, (N, 1, 14, 14)."""
    digits = ck.data.mnist()
    train, test = ((avg_pool2d(part.images, 2) > 0.5).float() for part in (digits.train, digits.test))
    return train[: SETTINGS["gates"]["train"]], test


def build(name: str, seed: int) -> Autoregressive:
    """The untrained network of one row."""
    torch.manual_seed(seed)
    model: Autoregressive
    if name in GATES:
        size, width, layers = (SETTINGS["gates"][key] for key in ("size", "width", "layers"))
        event = (1, size, size)
        model = PixelCNN(event, 20, layers) if name == "PixelCNN" else GatedPixelCNN(event, width, layers)
    else:
        size, levels = SETTINGS["shapes"]["size"], SETTINGS["shapes"]["levels"]
        changes, dropout = CHANGES.get(name), DROPOUT.get(name, 0.0)
        options = SETTINGS["network"] | {"levels": levels, "dropout": dropout, "changes": changes}
        model = PixelCNNPlusPlus((3, size, size), **options)
    model.learning_rate = SETTINGS["learning_rate"]
    return model


@contextmanager
def rectified() -> Iterator[None]:
    """Inside, gates are rectifiers of the sum of their halves: as many weights, as much work."""
    gate = pixelcnn.gate
    pixelcnn.gate = lambda x: torch.add(*x.chunk(2, dim=1)).relu()
    try:
        yield
    finally:
        pixelcnn.gate = gate


@torch.no_grad()
def test_nats(model: Autoregressive, images: Tensor) -> float:
    """The mean negative log-likelihood in nats."""
    return -torch.cat([model.log_prob(part) for part in images.split(100)]).mean().item()


def run(name: str, seed: int) -> dict[str, Any]:
    """Train one row from one seed and judge it along the way."""
    if name in GATES:
        train, test = coarse_digits()
        epochs = SETTINGS["gates"]["epochs"]
    else:
        train, test = shapes()
        epochs = SETTINGS["epochs"]
        if name.startswith("few"):
            train, epochs = train[: SETTINGS["shapes"]["few"]], SETTINGS["few_epochs"]
    model, every = build(name, seed), epochs // SETTINGS["moments"]
    curve: list[dict[str, Any]] = []
    judging, begin = 0.0, time.process_time()

    def look(epoch: int, model: Any) -> None:
        nonlocal judging
        if epoch % every == 0:
            now = time.process_time()
            moment = {"epoch": epoch, "seconds": round(now - begin - judging, 1)}
            moment["nats"] = round(test_nats(model, test), 2)
            judging += time.process_time() - now
            curve.append(moment)

    options = {"batch_size": SETTINGS["batch_size"], "ema": SETTINGS["ema"], "seed": seed}
    ck.fit(model, train, epochs=epochs, device="cpu", after_epoch=look, progress=False, **options)
    record = {"name": name, "seed": seed, "weights": sum(p.numel() for p in model.parameters()), "curve": curve}
    if name == "all changes" and seed == 0:
        record["samples"] = as_text(model.sample(10, generator=torch.Generator().manual_seed(1)))
    record["seconds"] = round(time.process_time() - begin, 1)
    return record


def bits(nats: float) -> float:
    """Nats of an image of coloured shapes in bits per dimension."""
    return nats / (math.log(2) * 3 * SETTINGS["shapes"]["size"] ** 2)


def show(table: dict[str, Any]) -> None:
    """Means over the seeds: the last moment, and the best one."""
    print(f"{'':28s}{'seeds':>6s}{'weights':>10s}{'last':>9s}{'range':>16s}{'best':>9s}{'s':>6s}")
    for name in ROWS:
        runs = [r for r in table["runs"] if r["name"] == name]
        if not runs:
            continue
        unit = (lambda nats: nats) if name in GATES else bits  # nats for binary digits, bits a dimension for shapes
        last = [unit(r["curve"][-1]["nats"]) for r in runs]
        best = statistics.mean(min(unit(moment["nats"]) for moment in r["curve"]) for r in runs)
        print(
            f"{name:28s}{len(runs):6d}{runs[0]['weights']:10,d}{statistics.mean(last):9.3f}"
            f"{min(last):8.3f}{max(last):8.3f}{best:9.3f}{statistics.mean(r['seconds'] for r in runs):6.0f}"
        )


def main() -> None:
    """Fill what is missing in the table, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--names", nargs="*", default=ROWS, choices=ROWS)
    parser.add_argument("--again", action="store_true", help="repeat runs that are in the table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for seed in arguments.seeds:
        for name in arguments.names:
            done = any(r["name"] == name and r["seed"] == seed for r in TABLE.read()["runs"])
            if (done and not arguments.again) or seed not in SEEDS[name]:
                continue
            if name == "rectifiers, same shape":
                with rectified():
                    record = run(name, seed)
            else:
                record = run(name, seed)
            TABLE.store(record)
            print(f"{name}, seed {seed}: {record['seconds']:.0f} s, {record['curve'][-1]}", flush=True)
    show(TABLE.read())


if __name__ == "__main__":
    main()

"""What each rule of DCGAN is worth: all five on, then each off, on the bundled digits, over several seeds.

Every run trains one network from one seed as the chapter does (book/adversarial/dcgan.ipynb) and is judged every
two epochs: FID against the 1,000 test digits, classes covered, density and coverage, all in the features of the
classifier that comes with the package. A dense network of about the same computing time stands beside it, both again
three times as long, and a last run paints coloured shapes. The table is kept in
coursekit/adversarial/measured/dcgan_rules.json, where the chapter finds it. A run that stands there is not repeated:
delete the file, or pass --again, to measure anew. Several processes may work on the table at once.

Run: make bench BENCH=benchmarks/dcgan_rules.py        (23 CPU minutes, one thread a process)
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from stored import Table, as_text
from torch import nn

import coursekit as ck
from coursekit.adversarial import (
    GAN,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    Rules,
)
from coursekit.evaluation import DigitClassifier, density_coverage, digit_modes, fid

SEEDS = range(3)
SETTINGS = {
    "data": "the 6,000 bundled training digits",
    "latent_size": 32,
    "width": 16,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "dense_learning_rate": 1e-3,
    "ema": 0.99,
    "epochs": 8,
    "judged_every": 2,
    "dense_epochs": 60,
    "judged_by": "2,000 samples against the 1,000 test digits, features of ck.evaluation.DigitClassifier",
}


def variants() -> dict[str, Rules]:
    """All rules, and each taken away."""
    return {"all five rules": Rules()} | {f"without {f.name}": Rules(**{f.name: False}) for f in fields(Rules)}


COLOURED, COLOURED_EPOCHS = 4000, 24  # images, passes
LONG = ", three times as long"
NAMES = [*variants(), "without batch_norm, He start", "dense", f"all five rules{LONG}", f"dense{LONG}"]
ROWS = [*NAMES, "coloured shapes"]
TABLE = Table(Path(ck.__file__).parent / "adversarial" / "measured" / "dcgan_rules.json", SETTINGS, ROWS)


def seeds_of(name: str) -> range:
    """The seeds of a row."""
    return range(1) if name == "coloured shapes" else SEEDS


def epochs_of(name: str) -> int:
    """How many passes over the data a run makes."""
    once = SETTINGS["dense_epochs" if name.startswith("dense") else "epochs"]
    return 3 * once if name.endswith(LONG) else once


def build(name: str, seed: int) -> GAN:
    """The untrained game of one row of the table."""
    torch.manual_seed(seed)
    size, width = SETTINGS["latent_size"], SETTINGS["width"]
    if name.startswith("dense"):  # the players of the chapter on the minimax game
        image = (1, 28, 28)
        model = GAN(MLPGenerator(size, image, 256, bounded=True), MLPDiscriminator(image, 64), size)
    else:
        rules = variants()[name.removesuffix(", He start").removesuffix(LONG)]
        generator = DCGANGenerator(28, latent_size=size, width=width, rules=rules)
        model = GAN(generator, DCGANDiscriminator(28, width=width, rules=rules), size)
        if name.endswith("He start"):
            model.apply(he_start)
    model.learning_rate = SETTINGS["dense_learning_rate" if name.startswith("dense") else "learning_rate"]
    return model


def he_start(module: nn.Module) -> None:
    """Weights as large as keeps the size of a signal from layer to layer (He et al., 2015); no fixed 0.02."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=0.2)
    elif isinstance(module, nn.ConvTranspose2d):  # kernel 4, stride 2: each output pixel sums 4 positions a channel
        nn.init.normal_(module.weight, 0.0, (2 / (4 * module.in_channels)) ** 0.5)


def judge(model: GAN, digits: ck.data.Digits, classifier: DigitClassifier) -> dict[str, Any]:
    """Every number of one moment of one run."""
    samples = model.sample(2000, generator=torch.Generator().manual_seed(1))
    modes = digit_modes(samples, classifier)
    spread = density_coverage(digits.test.images, samples[:1000], classifier, split="test")
    return {
        "fid": round(fid(digits.test.images, samples, classifier, split="test").value, 3),
        "classes": modes.classes,
        "unsure": modes.unsure / modes.n,
        "kl_to_uniform": round(modes.kl_to_uniform, 3),
        "density": round(spread.density.value, 3),
        "coverage": round(spread.coverage.value, 3),
    }


def run(name: str, seed: int) -> dict[str, Any]:
    """Train and judge one run."""
    digits, classifier = ck.data.mnist(), DigitClassifier.load()
    model = build(name, seed)
    epochs = epochs_of(name)
    every = epochs_of(name.removesuffix(LONG)) * SETTINGS["judged_every"] // SETTINGS["epochs"]
    curve: list[dict[str, Any]] = []
    judging = 0.0

    def look(epoch: int, model: GAN) -> None:
        nonlocal judging
        if epoch % every == 0:
            begin = time.process_time()
            curve.append({"epoch": epoch, **judge(model, digits, classifier)})
            judging += time.process_time() - begin

    begin = time.process_time()
    options = {"batch_size": SETTINGS["batch_size"], "ema": SETTINGS["ema"], "seed": seed}
    ck.fit(model, digits.train.images, epochs=epochs, device="cpu", after_epoch=look, progress=False, **options)
    seconds = time.process_time() - begin - judging
    record = {"name": name, "seed": seed, "seconds": round(seconds, 1), "curve": curve}
    if seed == 0:  # ten samples to look at
        record["samples"] = as_text(model.sample(10, generator=torch.Generator().manual_seed(1)))
    return record


def in_colour() -> dict[str, Any]:
    """Twelve samples of a DCGAN for coloured shapes of 32 x 32 pixels: one layer more, otherwise as for the digits."""
    images = ck.data.shapes(COLOURED, 32, generator=torch.Generator().manual_seed(0)).images
    torch.manual_seed(0)
    size, width = SETTINGS["latent_size"], SETTINGS["width"]
    model = GAN(DCGANGenerator(32, 3, size, width), DCGANDiscriminator(32, 3, width), size)
    model.learning_rate = SETTINGS["learning_rate"]
    begin = time.process_time()
    options = {"batch_size": SETTINGS["batch_size"], "ema": SETTINGS["ema"]}
    ck.fit(model, images, epochs=COLOURED_EPOCHS, device="cpu", progress=False, **options)
    seconds = round(time.process_time() - begin, 1)
    samples = as_text(model.sample(12, generator=torch.Generator().manual_seed(1)))
    return {"name": "coloured shapes", "seed": 0, "seconds": seconds, "curve": [], "samples": samples}


def show(table: dict[str, Any]) -> None:
    """Means over the seeds at the last epoch."""
    print(
        f"{'':36s}{'seeds':>5s}{'FID':>8s}{'s.d.':>7s}{'best':>8s}{'classes':>9s}{'unsure':>8s}{'coverage':>9s}{'s':>6s}"
    )
    for name in NAMES:
        runs = [r for r in table["runs"] if r["name"] == name]
        if not runs:
            continue
        last = [r["curve"][-1] for r in runs]
        fids = [moment["fid"] for moment in last]
        best = statistics.mean(min(moment["fid"] for moment in r["curve"]) for r in runs)
        mean = {key: statistics.mean(moment[key] for moment in last) for key in ("classes", "unsure", "coverage")}
        spread = statistics.stdev(fids) if len(fids) > 1 else 0.0
        seconds = statistics.mean(r["seconds"] for r in runs)
        print(
            f"{name:36s}{len(runs):5d}{statistics.mean(fids):8.1f}{spread:7.1f}{best:8.1f}"
            f"{mean['classes']:9.1f}{mean['unsure']:8.2f}{mean['coverage']:9.2f}{seconds:6.0f}"
        )


def main() -> None:
    """Fill what is missing in the table, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--names", nargs="*", default=ROWS, choices=ROWS)
    parser.add_argument("--again", action="store_true", help="repeat runs that are in the table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for seed in arguments.seeds:
        for name in arguments.names:
            done = any(r["name"] == name and r["seed"] == seed for r in TABLE.read()["runs"])
            if (done and not arguments.again) or seed not in seeds_of(name):
                continue
            record = in_colour() if name == "coloured shapes" else run(name, seed)
            TABLE.store(record)
            print(f"{name}, seed {seed}: {record['seconds']:.0f} s, {record['curve'][-1:]}", flush=True)
    show(TABLE.read())


if __name__ == "__main__":
    main()

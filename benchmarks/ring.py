"""The ring of eight Gaussians: ten seeds of a plain GAN and of each repair; modes covered and samples of high quality.

The games are those of coursekit/adversarial/ring.py. The ten seeds of a repair train side by side: one model whose
weights have an axis more, for the price of two or three single runs. Seeds share nothing but the clock: each has its
own weights, noise and order of the data; and since Adam's step does not depend on the scale of a gradient, each moves
as it would alone. Every averaged generator is judged by 10,000 samples. The table is kept in
coursekit/adversarial/measured/ring.json, where the chapter on training dynamics finds it.

Run: make bench BENCH=benchmarks/ring.py        (about 3 CPU minutes, one thread)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

import coursekit as ck
from coursekit.adversarial import Noisy, PenalisedGAN, distance_to_nearest
from coursekit.adversarial.ring import REPAIRS, RING, SETTINGS, ring_game, ring_points
from coursekit.evaluation import covered_modes

TABLE = Path(ck.__file__).parent / "adversarial" / "measured" / "ring.json"
SEEDS = range(10)


class Side(nn.Module):
    """S dense networks of one shape, each on its own inputs: (B, S, D) to (B, S, O)."""

    def __init__(self, networks: Sequence[nn.Module], *, spectral: bool = False) -> None:
        super().__init__()
        layers = zip(*([m for m in n.modules() if isinstance(m, nn.Linear)] for n in networks), strict=True)
        stacked = [(torch.stack([w.weight for w in own]), torch.stack([w.bias for w in own])) for own in layers]
        self.weights = nn.ParameterList(weight.detach().mT.contiguous() for weight, _ in stacked)  # (S, I, O) each
        self.biases = nn.ParameterList(bias.detach().unsqueeze(1) for _, bias in stacked)  # (S, 1, O) each
        self.bend = next(m for n in networks for m in n.modules() if isinstance(m, nn.ReLU | nn.LeakyReLU))
        self.spectral = spectral
        self.rows = [normalize(torch.randn(len(w), 1, w.shape[2]), dim=2) for w in self.weights]  # power iteration

    def forward(self, x: Tensor) -> Tensor:
        """All networks at once."""
        h = x.transpose(0, 1)  # (S, B, D)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, h, self.normalised(i, weight) if self.spectral else weight)  # (S, B, O)
            h = self.bend(h) if i < len(self.weights) - 1 else h
        return h.transpose(0, 1)  # (B, S, O)

    def normalised(self, i: int, weight: Tensor) -> Tensor:
        """Each weight divided by its largest singular value, from one more step of power iteration."""
        with torch.no_grad():
            columns = normalize(self.rows[i] @ weight.mT, dim=2)  # (S, 1, I)
            self.rows[i] = normalize(columns @ weight, dim=2)  # (S, 1, O)
        return weight / (columns @ weight @ self.rows[i].mT)


class Generators(nn.Module):
    """(B, S L) noise to (B, S, 2) points."""

    def __init__(self, side: Side) -> None:
        super().__init__()
        self.side = side

    def forward(self, z: Tensor) -> Tensor:
        """Every generator on its own share of the noise."""
        return self.side(z.unflatten(1, (len(self.side.weights[0]), -1)))


class Discriminators(nn.Module):
    """(B, S, 2) points to logits (B / size, S), in packs of ``size``."""

    def __init__(self, side: Side, size: int = 1) -> None:
        super().__init__()
        self.side, self.size = side, size

    def forward(self, x: Tensor) -> Tensor:
        """Every discriminator on its own points."""
        packs = x.unflatten(0, (-1, self.size)).transpose(1, 2).flatten(2)  # (B / size, S, 2 size)
        return self.side(packs).squeeze(2)


class SideBySide(PenalisedGAN):
    """The games of ten seeds as one; losses are means over seeds as well."""

    nearest = 0.0

    def training_step(self, batch: Tensor, optimizers: Mapping[str, Any]) -> dict[str, Tensor]:
        """As always; the batch is kept for the L2 term."""
        self.batch = batch
        return super().training_step(batch, optimizers)

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """With the penalty only where there is one: it costs a pass."""
        return (super() if self.penalty else super(PenalisedGAN, self)).discriminator_loss(real, fake)

    def generator_loss(self, fake: Tensor) -> Tensor:
        """With the L2 term of each seed, among its own points."""
        loss = super().generator_loss(fake)
        if not self.nearest:
            return loss
        terms = [distance_to_nearest(x, y) for x, y in zip(self.batch.unbind(1), fake.unbind(1), strict=True)]
        return loss + self.nearest * torch.stack(terms).mean()


def side_by_side(repair: str, seeds: Sequence[int]) -> SideBySide:
    """The games of one repair, untrained, with the very weights of `ring_game`."""
    games = [ring_game(repair, seed) for seed in seeds]
    one = games[0]
    torch.manual_seed(len(seeds))
    size = 2 if repair == "packs" else 1
    inner: nn.Module = Discriminators(Side([g.discriminator for g in games], spectral=repair == "spectral"), size)
    if isinstance(one.discriminator, Noisy):
        inner = Noisy(inner, one.discriminator.scale, one.discriminator.passes)
    penalty = one.penalty if isinstance(one, PenalisedGAN) else 0.0
    together = SideBySide(
        Generators(Side([g.generator for g in games])),
        inner,
        one.latent_size * len(seeds),
        penalty=penalty,
        discriminator_steps=one.discriminator_steps,
    )
    together.nearest, together.learning_rate = one.covering, one.learning_rate
    return together


def judge(samples: Tensor) -> dict[str, Any]:
    """Modes covered, by one sample and by 1 % of them, the samples of each mode, and the share of high quality."""
    found, with_a_share = covered_modes(samples, RING), covered_modes(samples, RING, share=0.01)
    return {
        "modes": found.covered,
        "modes_with_a_share": with_a_share.covered,
        "high_quality": round(found.high_quality, 4),
        "counts": list(found.counts),
    }


def run(repair: str, seeds: Sequence[int]) -> tuple[list[dict[str, Any]], Tensor]:
    """The lines of one repair, and the samples (n, S, 2) behind them."""
    game = side_by_side(repair, seeds)
    points = ring_points()  # (N, 2)
    orders = [torch.randperm(len(points), generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    data = torch.stack([points[order] for order in orders], dim=1)  # (N, S, 2)
    options = {name: SETTINGS[name] for name in ("batch_size", "epochs", "ema")}
    begin = time.process_time()
    ck.fit(game, data, device="cpu", progress=False, **options)
    seconds = (time.process_time() - begin) / len(seeds)
    samples = game.sample(SETTINGS["judged"], generator=torch.Generator().manual_seed(1))  # (n, S, 2)
    lines = [
        {"repair": repair, "seed": seed, **judge(samples[:, i]), "seconds": round(seconds, 2)}
        for i, seed in enumerate(seeds)
    ]
    return lines, samples


def write(runs: list[dict[str, Any]], pictures: dict[str, Any]) -> None:
    """Store the table, a run a line."""
    table = {
        "settings": SETTINGS,
        "repairs": REPAIRS,
        "machine": f"one thread of a {platform.machine()} CPU, no GPU, torch {torch.__version__.split('+')[0]}",
        "cpu_minutes": round(sum(line["seconds"] for line in runs) / 60, 1),
        "pictures": pictures,
    }
    lines = ",\n".join("  " + json.dumps(line) for line in runs)
    TABLE.parent.mkdir(exist_ok=True)
    partial = TABLE.with_suffix(".partial")
    head = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in table.items())
    partial.write_text(f'{{\n{head},\n "runs": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    os.replace(partial, TABLE)


def show(runs: list[dict[str, Any]]) -> None:
    """Means and standard errors over the seeds."""
    print(f"{'':10}{'modes of 8':>14}{'with 1 % each':>16}{'high quality':>18}")
    for repair in REPAIRS:
        lines = [line for line in runs if line["repair"] == repair]
        cells = []
        for name, unit in (("modes", 1), ("modes_with_a_share", 1), ("high_quality", 100)):
            values = [line[name] * unit for line in lines]
            cells.append(f"{statistics.mean(values):.1f} +- {statistics.stdev(values) / len(values) ** 0.5:.1f}")
        print(f"{repair:10}{cells[0]:>14}{cells[1]:>16}{cells[2]:>16} %", flush=True)


def main() -> None:
    """Compute, store and print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    results = {repair: run(repair, SEEDS) for repair in REPAIRS}
    runs = [line for lines, _ in results.values() for line in lines]
    worst = min(results["plain"][0], key=lambda line: (line["modes"], line["high_quality"]))["seed"]
    shown = {name: results[name][1][:400, worst].mul(100).round().int() for name in ("plain", "L2 term")}
    write(runs, {"seed": worst, "hundredths": {name: points.tolist() for name, points in shown.items()}})
    show(runs)


if __name__ == "__main__":
    main()

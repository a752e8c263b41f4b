"""Images read as a string, by rows and by diagonals: test likelihood against processor time, and what depth is worth.

Every run trains one network from seed 0 on the bundled digits, pooled to 14 x 14 pixels, or to 7 x 7 where depth is
compared, and made binary anew at each visit, until its processor time is used up. It is judged after whole epochs on
one fixed binary draw of the 1,000 test digits, by the average of its weights; the judging is not counted. The table is
kept in coursekit/autoregressive/measured/pixelrnn.json, where the chapter (book/autoregressive/pixelrnn.ipynb) finds
it. A run that stands there is not repeated: delete the file, or pass --again, to measure anew.

Run: make bench BENCH=benchmarks/pixelrnn.py        (5 CPU minutes, one thread)
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import avg_pool2d

import coursekit as ck
from coursekit.autoregressive import FVSBN, Autoregressive, DiagonalBiLSTM, PixelCNN, RasterLSTM, RowLSTM
from coursekit.autoregressive.pixelcnn import Apply
from coursekit.autoregressive.pixelrnn import RecurrentLayer

TABLE = Path(ck.__file__).parent / "autoregressive" / "measured" / "pixelrnn.json"
SETTINGS = {
    "data": "the 6,000 bundled training digits, pooled, binary anew at each visit",
    "judged_on": "a fixed binary draw of the 1,000 test digits, pooled likewise",
    "batch_size": 50,
    "ema": 0.99,
    "seconds": 30,
}


@dataclass
class Run:
    """One network, its images' side, its learning rate, and after how many epochs each time it is judged."""

    make: Callable[[tuple[int, int, int]], Autoregressive]
    side: int = 14
    rate: float = 5e-3
    every: int = 1


class WithoutLink(RecurrentLayer):
    """A recurrent layer that hands on what its memory says, and not what came in."""

    def forward(self, h: torch.Tensor, apply: Apply) -> torch.Tensor:
        """The next features, (B, 2 * width, H, W)."""
        return apply(self.widen, apply(self.scan, apply(self.gates, h)))


def without_links(model: Autoregressive) -> Autoregressive:
    """The same network and the same first weights, without its residual links."""
    for layer in model.modules():
        if isinstance(layer, RecurrentLayer):
            layer.__class__ = WithoutLink
    return model


RUNS = {
    "FVSBN": Run(FVSBN, every=10),
    "one string": Run(lambda event: RasterLSTM(event, 64)),
    "PixelCNN": Run(lambda event: PixelCNN(event, 16, 3)),
    "Row LSTM": Run(lambda event: RowLSTM(event, 16, 2)),
    "Diagonal BiLSTM": Run(lambda event: DiagonalBiLSTM(event, 16, 1)),
    "1 layer": Run(lambda event: DiagonalBiLSTM(event, 16, 1), side=7),
    "2 layers": Run(lambda event: DiagonalBiLSTM(event, 16, 2), side=7),
    "4 layers": Run(lambda event: DiagonalBiLSTM(event, 16, 4), side=7),
    "4 layers, no residual connections": Run(lambda event: without_links(DiagonalBiLSTM(event, 16, 4)), side=7),
}


class Enough(Exception):
    """The run's processor time is used up."""


def digits(side: int) -> tuple[ck.data.DynamicBinarisation, torch.Tensor]:
    """Training digits, binary anew at each visit, and one draw of the test digits, pooled to ``side`` x ``side``."""
    split = ck.data.mnist()
    train, test = (
        ck.data.DynamicBinarisation(avg_pool2d(part.images, 28 // side)) for part in (split.train, split.test)
    )
    return train, test.draw(slice(None), generator=torch.Generator().manual_seed(0))


def run(name: str) -> dict[str, Any]:
    """Train and judge one network."""
    chosen = RUNS[name]
    train, test = digits(chosen.side)
    torch.manual_seed(0)
    model = chosen.make((1, chosen.side, chosen.side))
    model.learning_rate = chosen.rate
    curve: list[dict[str, float]] = []
    judging = 0.0
    begin = time.process_time()

    def judge(epoch: int, model: Autoregressive) -> None:
        nonlocal judging
        if epoch % chosen.every:
            return
        now = time.process_time()
        seconds = now - begin - judging
        with torch.no_grad():
            nats = -model.log_prob(test).mean().item()
        curve.append({"epoch": epoch, "seconds": round(seconds, 2), "nats": round(nats, 3)})
        judging += time.process_time() - now
        if seconds >= SETTINGS["seconds"]:
            raise Enough

    options = {"batch_size": SETTINGS["batch_size"], "ema": SETTINGS["ema"], "device": "cpu", "progress": False}
    try:
        ck.fit(model, train, epochs=10_000, after_epoch=judge, **options)
    except Enough:
        pass
    weights = sum(parameter.numel() for parameter in model.parameters())
    return {"name": name, "side": chosen.side, "weights": weights, "learning_rate": chosen.rate, "curve": curve}


def read() -> dict[str, Any]:
    """The table as it stands, or an empty one."""
    if TABLE.exists():
        table = json.loads(TABLE.read_text(encoding="utf-8"))
        if table["settings"] == SETTINGS:
            return table
        print("the stored table was measured with other settings: starting anew")
    machine = f"one thread of a {platform.machine()} CPU, no GPU, torch {torch.__version__.split('+')[0]}"
    return {"settings": SETTINGS, "machine": machine, "runs": []}


def store(record: dict[str, Any]) -> None:
    """Put one run into the table, in its place."""
    table = read()
    runs = {r["name"]: r for r in table["runs"]} | {record["name"]: record}
    table["runs"] = [runs[name] for name in RUNS if name in runs]
    table["cpu_minutes"] = round(sum(r["curve"][-1]["seconds"] for r in table["runs"]) / 60, 1)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Fill what is missing in the table, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="*", default=list(RUNS), choices=list(RUNS))
    parser.add_argument("--again", action="store_true", help="repeat runs that are in the table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names:
        if arguments.again or all(r["name"] != name for r in read()["runs"]):
            store(run(name))
    print(f"{'':38s}{'weights':>9s}{'epochs':>8s}{'s':>7s}{'test nats':>11s}{'best':>8s}")
    for r in read()["runs"]:
        last, best = r["curve"][-1], min(moment["nats"] for moment in r["curve"])
        print(
            f"{r['name']:38s}{r['weights']:9,}{last['epoch']:8d}{last['seconds']:7.1f}{last['nats']:11.2f}{best:8.2f}"
        )


if __name__ == "__main__":
    main()

"""Sampling that computes only what a new value changes, against the loop that runs the whole network for every value.

Both draw the same values from the same seed; on the small networks that is checked here, value by value, before the
clock is read. The plain loop of the large ones would take most of an hour. Every turn of it costs the same, since it
always runs the whole network, so a few turns are timed, spread over the image, and their median is multiplied by the
number of dimensions; that is marked "by turns". Cached sampling is always timed whole.

Run: make bench BENCH=benchmarks/cached_sampling.py ARGS="--only FVSBN"
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import torch

from coursekit.autoregressive import FVSBN, MADE, NADE, GatedPixelCNN, PixelCNN
from coursekit.autoregressive.base import Autoregressive

SHAPE = (1, 28, 28)
TURNS = 9
CASES = {  # name: how to build it, numbers of images, whether the plain loop is timed whole
    "FVSBN": (lambda: FVSBN(SHAPE), (16, 64), True),
    "NADE, 500 units": (lambda: NADE(SHAPE, hidden=500), (16, 64), False),
    "MADE, 8,000 units": (lambda: MADE(SHAPE, hidden=[8000]), (16, 64), False),
    "PixelCNN, 5 blocks x 32": (lambda: PixelCNN(SHAPE, width=32, blocks=5), (16, 64), False),
    "gated PixelCNN, 10 layers x 128": (lambda: GatedPixelCNN(SHAPE, width=128, layers=10), (16, 64), False),
}


def seconds_of_cached(model: Autoregressive, n: int) -> float:
    """The median of three whole draws of n images."""
    times = []
    for seed in range(3):
        begin = time.perf_counter()
        model.sample(n, generator=torch.Generator().manual_seed(seed))
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


@torch.no_grad()
def seconds_of_plain(model: Autoregressive, n: int, *, whole: bool) -> float:
    """Seconds of the plain loop for n images, whole or from the median of a few of its turns."""
    if whole:
        begin = time.perf_counter()
        model.sample(n, generator=torch.Generator().manual_seed(0), cached=False)
        return time.perf_counter() - begin
    x = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0)).round()
    turn, times = model.plain_steps(x), []
    next(turn)
    for _ in range(TURNS):
        begin = time.perf_counter()
        next(turn)
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * model.dimensions


def main() -> None:
    """Print, for each model and number of images, the seconds of both ways and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    print(f"{'model':32s} {'images':>6s} {'cached, s':>10s} {'plain, s':>10s} {'ratio':>7s}")
    for name, (build, sizes, whole) in CASES.items():
        if options.only not in name:
            continue
        torch.manual_seed(0)
        model = build().eval()
        if whole:
            draws = [model.sample(4, generator=torch.Generator().manual_seed(0), cached=way) for way in (True, False)]
            if not torch.equal(*draws):
                raise AssertionError(f"{name}: cached and plain sampling drew different values")
        for n in sizes:
            cached, plain = seconds_of_cached(model, n), seconds_of_plain(model, n, whole=whole)
            way = "" if whole else "  by turns"
            print(f"{name:32s} {n:6d} {cached:10.2f} {plain:10.1f} {plain / cached:6.0f}x{way}", flush=True)


if __name__ == "__main__":
    main()

"""Sound by a WaveNet of 4 x 10 layers, one stream: queues against a pass of the whole network for each sample.

The plain loop runs the network over the receptive field, 4,093 samples, once for each sample that it draws, in
float32; the queues compute what is new, in float64. Both continue the same beginning, longer than the receptive field,
so that the plain loop always has its full work, with the same uniform numbers. First their draws are compared, every
one. Then they alternate; medians of the rounds are compared. The multiplications of both are counted beside.

Run: make bench BENCH=benchmarks/wavenet_sampling.py ARGS="--threads 1"        (2 minutes)
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from coursekit.autoregressive import WaveNet
from coursekit.autoregressive.wavenet import Queues
from coursekit.distributions.levels import draw_level, edges_of

DILATIONS = tuple(2**i for i in range(10)) * 4
ROUNDS, PLAIN, CACHED, COMPARED = 5, 24, 2000, 200


def build(width: int, skip: int) -> WaveNet:
    """An untrained network whose draws are neither all the same nor all equally likely."""
    torch.manual_seed(0)
    model = WaveNet(1, 256, width, DILATIONS, skip=skip).eval()
    with torch.no_grad():
        model.output.weight.mul_(4)
    return model


def continued(model: WaveNet, beginning: Tensor, uniform: Tensor, cached: bool) -> tuple[Tensor, float]:
    """The beginning (T,) continued by one draw for each uniform number, and the seconds that the draws took."""
    x = torch.cat([beginning, torch.zeros(len(uniform))]).unsqueeze(0)
    start = len(beginning)
    if cached:
        queues = Queues(model, 1, None)
        levels = (x[0, :start] * 255).round().long().unsqueeze(1)
        queues(None)
        for level in levels[:-1]:  # fills the queues; not timed
            queues(level)
        steps = following(queues, x, start)
    else:
        steps = (model._last(x[:, : t + 1], None) for t in range(start, x.shape[1]))
    begin = time.perf_counter()
    for t, u in zip(range(start, x.shape[1]), uniform, strict=True):
        draw_at(model, x, t, u, next(steps))
    return x[0, start:], time.perf_counter() - begin


def following(queues: Queues, x: Tensor, start: int) -> Iterator[Tensor]:
    """The logits at each place from ``start`` on."""
    for t in range(start, x.shape[1]):
        yield queues((x[:, t - 1] * 255).round().long())


def draw_at(model: WaveNet, x: Tensor, t: int, u: Tensor, logits: Tensor) -> None:
    """Draw x at t as `Autoregressive.sample` does."""
    edges = edges_of(logits)
    level = (u >= edges).sum(dim=1, dtype=x.dtype)
    if model._too_close(u - edges):
        level[0] = draw_level(edges_of(model._alone(x[:, : t + 1], None, t)), u)
    x[:, t] = level / 255


@torch.no_grad()
def main() -> None:
    """Compare draws, alternate, print medians, their ratio and the multiplications."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--skip", type=int, default=128)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = build(arguments.width, arguments.skip)
    generator = torch.Generator().manual_seed(0)
    beginning = torch.randint(256, (model.receptive_field + 1,), generator=generator) / 255
    uniform = torch.rand(CACHED, generator=generator)
    reach, weights = (
        model.receptive_field,
        sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear)),
    )
    print(
        f"{len(DILATIONS)} layers of width {arguments.width}, skip {arguments.skip}; receptive field {reach:,} samples"
    )
    print(f"multiplications a sample: {weights * reach:,} plain, {weights:,} with queues: {reach:,}x fewer")
    ours, _ = continued(model, beginning, uniform[:COMPARED], cached=True)
    plain, _ = continued(model, beginning, uniform[:COMPARED], cached=False)
    print(f"{COMPARED} samples drawn both ways: {'equal, every one' if torch.equal(ours, plain) else 'DIFFERENT'}")
    times: dict[str, list[float]] = {"plain loop": [], "queues": []}
    for round_number in range(ROUNDS + 1):
        for name, cached, count in (("plain loop", False, PLAIN), ("queues", True, CACHED)):
            _, seconds = continued(model, beginning, uniform[:count], cached)
            if round_number:  # the first round warms up
                times[name].append(seconds / count)
    load = os.getloadavg()[0]
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, load {load:.1f}; {ROUNDS} alternating rounds")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:11s} {1000 * median:8.3f} ms a sample, {1 / median:7.0f} samples/s")
    print(f"queues: {medians['plain loop'] / medians['queues']:.0f}x the plain loop")
    if not torch.equal(ours, plain):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

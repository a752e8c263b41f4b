"""Flows: how near RealNVP and splines come to known densities, and what a training step costs beside another library.

Gaps: on two moons and on rings, the KL divergence from the truth to the flow in nats, once by quadrature and once as
the mean surprise of fresh test points minus the entropy. Each flow sees new points in each step, 512 at a time. To
cut three rings open an affine flow needs many couplings and steps; ``--compile`` (torch.compile, which needs a C++
compiler) makes its many small operations faster.

Steps: zuko's RealNVP and neural spline flow (couplings) against ours, with networks of the same shape, so of equally
many parameters; the two ways alternate, with the same fused Adam, and medians are compared.

Run: make bench BENCH=benchmarks/flows.py ARGS=--compile     (7 CPU minutes, one thread; --steps alone: half a minute)
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import coursekit as ck
from coursekit.data import PlanarDensity
from coursekit.generators import Flow, NeuralSplineFlow, RealNVP
from coursekit.training.model import adam

BATCH, ROUNDS, HIDDEN = 256, 201, (64, 64)
POINTS, RATE = 512, 2e-3
GAPS: list[tuple[str, str, Callable[[], Flow], int]] = [  # density, kind, flow, steps
    ("two moons", "RealNVP, 8 couplings", lambda: RealNVP(2, 8, HIDDEN), 3000),
    ("two moons", "splines, 4 couplings", lambda: NeuralSplineFlow(2, 4, HIDDEN), 3000),
    ("rings", "RealNVP, 48 couplings of 32 x 32", lambda: RealNVP(2, 48, (32, 32)), 10_000),
    ("rings", "splines, 4 couplings", lambda: NeuralSplineFlow(2, 4, HIDDEN), 3000),
]


def train(flow: Flow, truth: PlanarDensity, steps: int, *, compiled: bool) -> None:
    """Minimise -log p on fresh points, the step size rising for a twentieth of the steps and then falling to zero."""
    points = truth.sample((steps * POINTS,), generator=torch.Generator().manual_seed(0)).float()  # (steps * B, 2)
    optimizer = adam(flow.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.05)
    loss = torch.compile(flow.loss) if compiled else flow.loss
    for batch in points.split(POINTS):
        optimizer.zero_grad()
        loss(batch).backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        optimizer.step()
        schedule.step()


@torch.no_grad()
def gaps(flow: Flow, truth: PlanarDensity) -> tuple[float, float]:
    """KL(truth || flow) in nats: by quadrature, and from 50,000 test points and the entropy."""
    points, area = truth.grid(truth.finest / 4)  # (rows, columns, 2)
    log_p = truth.log_prob(points).flatten()  # (cells,)
    chunks = points.view(-1, 2).float().split(2**15)
    log_q = torch.cat([flow.log_prob(chunk) for chunk in chunks]).double()  # (cells,)
    exact = (log_p.exp() * (log_p - log_q)).nan_to_num().sum().item() * area
    test = truth.sample((50_000,), generator=torch.Generator().manual_seed(1000)).float()
    return exact, -flow.log_prob(test).mean().item() - truth.entropy().item()


def show_gaps(names: list[str], *, compiled: bool) -> None:
    """Each flow on its density."""
    truths = {"two moons": ck.data.TwoMoons(), "rings": ck.data.Rings()}
    for name, kind, build, steps in GAPS:
        if name not in names:
            continue
        torch.manual_seed(0)
        flow, begin = build(), time.process_time()
        train(flow, truths[name], steps, compiled=compiled)
        seconds = time.process_time() - begin
        exact, measured = gaps(flow, truths[name])
        kl = f"KL {exact:.4f} nats by quadrature, {measured:.4f} on test points"
        print(f"{name:10s} {kind}: {kl}; {steps} steps, {seconds:.0f} CPU seconds", flush=True)


class Theirs(nn.Module):
    """A flow of zuko's with the loss that ours have."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def loss(self, x: Tensor) -> Tensor:
        """The mean negative log-likelihood in nats."""
        return -self.flow().log_prob(x).mean()


def seconds_of_step(model: Any, optimizer: torch.optim.Optimizer, x: Tensor) -> float:
    """The clock's time of one step."""
    begin = time.perf_counter()
    optimizer.zero_grad()
    model.loss(x).backward()
    optimizer.step()
    return time.perf_counter() - begin


def show_steps() -> None:
    """Both kinds of flow, in 2 and in 64 dimensions, ours beside zuko's."""
    import zuko  # type: ignore[import-untyped]

    for dimensions in (2, 64):
        x = torch.randn(BATCH, dimensions, generator=torch.Generator().manual_seed(0))
        options = {"hidden_features": HIDDEN, "activation": nn.SiLU}
        affine = zuko.flows.RealNVP(dimensions, transforms=8, **options)
        spline = {"univariate": zuko.transforms.MonotonicRQSTransform, "shapes": [(8,), (8,), (7,)]}
        pairs = {
            "RealNVP": (RealNVP(dimensions, 8, HIDDEN), Theirs(affine)),
            "splines": (
                NeuralSplineFlow(dimensions, 4, HIDDEN, bins=8),
                Theirs(zuko.flows.coupling.NICE(dimensions, transforms=4, **spline, **options)),
            ),
        }
        for name, pair in pairs.items():
            counts = [sum(p.numel() for p in model.parameters()) for model in pair]
            assert counts[0] == counts[1], f"{name}: {counts[0]} and {counts[1]} parameters"
            optimizers = [adam(model.parameters(), 1e-3) for model in pair]
            times: list[list[float]] = [[], []]
            for round_number in range(ROUNDS + 10):
                for side, model in enumerate(pair):
                    seconds = seconds_of_step(model, optimizers[side], x)
                    if round_number >= 10:  # the first rounds warm up
                        times[side].append(seconds)
            ours, theirs = (statistics.median(values) for values in times)
            print(
                f"{name}, {dimensions} dimensions, {counts[0]:,} parameters each, batch {BATCH}: "
                f"ours {1 / ours:.0f}, zuko {1 / theirs:.0f} steps a second; ratio {theirs / ours:.2f}",
                flush=True,
            )


def main() -> None:
    """Steps first, then the gaps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", action="store_true", help="only the steps beside zuko's")
    parser.add_argument("--compile", action="store_true", help="the flows that are brought near densities")
    parser.add_argument("--densities", nargs="*", default=["two moons", "rings"], choices=["two moons", "rings"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    show_steps()
    if not arguments.steps:
        show_gaps(arguments.densities, compiled=arguments.compile)


if __name__ == "__main__":
    main()

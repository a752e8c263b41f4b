"""A training step of FVSBN and of MADE, each against the way it is often written. Batches of 128 binary images.

FVSBN: one masked linear map against 784 separate linear layers, one for each pixel, on the pixels before it.
MADE, one hidden layer of 8,000 units: ours against a layer that multiplies its weight by its mask in the forward pass
and, as autograd then does, the weight's gradient by the mask in the backward pass.

Losses and gradients are compared first. Then the two ways alternate, with the same fused Adam; medians are compared.

Run: make bench BENCH=benchmarks/autoregressive_step.py
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, linear

import coursekit as ck
from coursekit.autoregressive import FVSBN, MADE

SHAPE, UNITS, BATCH, ROUNDS = (1, 28, 28), 8000, 128, 41


class SeparateLayers(nn.Module):
    """A fully visible sigmoid belief network as 784 logistic regressions, one after the other."""

    def __init__(self, model: FVSBN) -> None:
        """With the weights of ``model``."""
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(d, 1) for d in range(model.dimensions))
        with torch.no_grad():
            for d, layer in enumerate(self.layers):
                layer.get_parameter("weight").copy_(model.weight[d, :, :d])
                layer.get_parameter("bias").copy_(model.bias[d])

    def loss(self, x: Tensor) -> Tensor:
        """The mean negative log-likelihood in nats per image."""
        x = x.flatten(1)  # (B, D)
        logits = torch.cat([layer(x[:, :d]) for d, layer in enumerate(self.layers)], dim=1)  # (B, D)
        return binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


class MaskedAfresh(nn.Module):
    """A MADE of one hidden layer whose layers multiply whole masks into whole weights in each pass."""

    def __init__(self, model: MADE) -> None:
        """With the weights and masks of ``model``."""
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(layer.in_features, layer.out_features) for layer in model.layers)
        self.load_state_dict(model.state_dict())
        self.masks = [model.get_buffer(f"mask_{i}")[0] for i in range(len(self.layers))]

    def loss(self, x: Tensor) -> Tensor:
        """The mean negative log-likelihood in nats per image."""
        first, second = self.layers
        h = linear(x.flatten(1), first.weight * self.masks[0], first.bias).relu()  # (B, units)
        logits = linear(h, second.weight * self.masks[1], second.bias)  # (B, D)
        return binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum") / len(x)


def seconds_of_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> float:
    """The clock's time of one step."""
    begin = time.perf_counter()
    optimizer.zero_grad()
    model.loss(x).backward()
    optimizer.step()
    return time.perf_counter() - begin


def compare(name: str, ways: dict[str, nn.Module], x: Tensor) -> None:
    """Print losses, medians and the ratio of the second way's step to the first's."""
    losses = [model.loss(x).item() for model in ways.values()]
    print(f"{name}: losses {losses[0]:.4f} and {losses[1]:.4f} nats")
    optimizers = {way: torch.optim.Adam(model.parameters(), fused=True) for way, model in ways.items()}
    times: dict[str, list[float]] = {way: [] for way in ways}
    for round_number in range(ROUNDS + 2):
        for way, model in ways.items():
            seconds = seconds_of_step(model, optimizers[way], x)
            if round_number > 1:  # the first rounds warm up
                times[way].append(seconds)
    medians = {way: statistics.median(values) for way, values in times.items()}
    slow, fast = medians.values()
    for way, median in medians.items():
        print(f"    {way:40s} {1000 * median:7.1f} ms")
    print(f"    ratio {slow / fast:.2f}")
    after = [model.loss(x).item() for model in ways.values()]
    print(f"    after {ROUNDS + 2} steps: {after[0]:.3f} and {after[1]:.3f} nats")


def main() -> None:
    """Both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    images = ck.data.mnist(binarise="dynamic").test.images[:BATCH]  # (B, 1, 28, 28)
    torch.manual_seed(0)
    fvsbn, made = FVSBN(SHAPE), MADE(SHAPE, hidden=[UNITS])
    compare("FVSBN", {"784 separate layers": SeparateLayers(fvsbn), "one masked linear map": fvsbn}, images)
    compare("MADE", {"masks multiplied afresh": MaskedAfresh(made), "ours": made}, images)


if __name__ == "__main__":
    main()

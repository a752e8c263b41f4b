"""Images per second of a DCGAN's training step: `ck.fit` against the usual loop, 32 x 32 pixels, batch 64, width 64.

The usual loop: a fresh forward pass of the generator for each player, the discriminator's gradients computed and kept
during the generator's step, Adam with its defaults. Both train the same players from the same weights on the same
images (the bundled digits with a border, in three channels). First one step of both, in float64 and with the same
noise, must give the same losses and the same gradients. Then they alternate; medians of seven rounds are compared, by
the clock and by processor time, which other work on the machine disturbs less. The mean losses are printed.

A third way is ours with the discriminator's weights in PyTorch's channels_last layout, one line that a user may write.
It pays for wide layers on this processor, and not for the chapter's narrow ones: `--size 28 --width 16` shows it.

Run: make bench BENCH=benchmarks/dcgan_step.py ARGS="--threads 1"
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus
from torch.optim import Adam

import coursekit as ck
from coursekit.adversarial import GAN, DCGANDiscriminator, DCGANGenerator

ROUNDS, BATCHES, BATCH, LATENT = 7, 8, 64, 64


def usual_step(
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    real: Tensor,
    noise: Callable[[], Tensor],
    optimizers: dict,
) -> tuple[Tensor, Tensor]:
    """One step of each player as it is mostly written, with the same losses as ours."""
    optimizers["discriminator"].zero_grad()
    fake = generator(noise()).detach()
    discriminator_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
    discriminator_loss.backward()
    optimizers["discriminator"].step()
    optimizers["generator"].zero_grad()
    generator_loss = softplus(-discriminator(generator(noise()))).mean()
    generator_loss.backward()  # leaves gradients in the discriminator too, which nobody needs
    optimizers["generator"].step()
    return discriminator_loss.detach(), generator_loss.detach()


def usual_loop(model: GAN, images: Tensor) -> list[float]:
    """Mean losses of discriminator and generator."""
    optimizers = {
        name: Adam(player.parameters(), lr=model.learning_rate, betas=(0.5, 0.999))
        for name, player in (("discriminator", model.discriminator), ("generator", model.generator))
    }
    torch.manual_seed(0)
    order = torch.randperm(len(images))
    losses = [
        usual_step(model.generator, model.discriminator, images[index], lambda: torch.randn(BATCH, LATENT), optimizers)
        for index in order.split(BATCH)
    ]
    return [torch.stack(values).mean().item() for values in zip(*losses, strict=True)]


def our_loop(model: GAN, images: Tensor) -> list[float]:
    """Mean losses of discriminator and generator."""
    history = ck.fit(model, images, epochs=1, batch_size=BATCH, device="cpu", progress=False)
    return [history["discriminator"][0], history["generator"][0]]


class Recorder:
    """In the place of an optimiser: keeps the gradients of one backward pass and changes no weight."""

    def __init__(self, player: torch.nn.Module) -> None:
        self.player = player
        self.gradients: list[Tensor] = []

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.player.zero_grad()

    def step(self) -> None:
        """Keep the gradients."""
        self.gradients = [p.grad.clone() for p in self.player.parameters() if p.grad is not None]

    def minimise(self, loss: Tensor) -> None:
        """As `ck.fit`'s."""
        self.zero_grad()
        loss.backward()
        self.step()


def same_step(start: GAN, real: Tensor) -> float:
    """Largest relative difference of losses and gradients between both steps, in float64 with the same noise."""
    z = torch.randn(len(real), LATENT, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    results = []
    for ours in (True, False):
        model = copy.deepcopy(start).double()
        model.draw = lambda n, z=z: z
        recorders = {"discriminator": Recorder(model.discriminator), "generator": Recorder(model.generator)}
        if ours:
            losses = [value for _, value in sorted(model.training_step(real.double(), recorders).items())]
        else:
            losses = list(usual_step(model.generator, model.discriminator, real.double(), lambda z=z: z, recorders))
        results.append([*losses, *(g for recorder in recorders.values() for g in recorder.gradients)])
    return max(((a - b).norm() / b.norm().clamp(min=1e-12)).item() for a, b in zip(*results, strict=True))


def main() -> None:
    """Check that both steps are the same, alternate them, and print medians, their ratio and the losses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=32, help="pixels; 28: grey digits, 32: in three channels")
    parser.add_argument("--width", type=int, default=64, help="features of the networks")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    images = ck.data.mnist().train.images[: BATCHES * BATCH]
    if options.size == 32:
        images = pad(images, (2, 2, 2, 2)).repeat(1, 3, 1, 1)  # (N, 3, 32, 32)
    torch.manual_seed(0)
    channels = images.shape[1]
    generator = DCGANGenerator(options.size, channels, LATENT, options.width)
    start = GAN(generator, DCGANDiscriminator(options.size, channels, options.width), LATENT)
    print(f"one step of both in float64: losses and gradients differ by {same_step(start, images[:8]):.1e} at most")
    turned = copy.deepcopy(start)
    turned.discriminator.to(memory_format=torch.channels_last)
    ways = {
        "usual loop": (usual_loop, start),
        "ck.fit": (our_loop, start),
        "ck.fit, D in channels_last": (our_loop, turned),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, list[list[float]]] = {name: [] for name in ways}
    for round_number in range(ROUNDS + 1):
        for name, (loop, first) in ways.items():
            model = copy.deepcopy(first)
            begin, begin_processor = time.perf_counter(), time.process_time()
            means = loop(model, images)
            if round_number:  # the first round warms up
                seconds[name].append(time.perf_counter() - begin)
                processor[name].append(time.process_time() - begin_processor)
                losses[name].append(means)
    load = os.getloadavg()[0]
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, load {load:.1f}; {ROUNDS} alternating rounds")
    for clock, times in (("clock", seconds), ("processor time", processor)):
        medians = {name: statistics.median(values) for name, values in times.items()}
        for name, median in medians.items():
            ratio = medians["usual loop"] / median
            print(f"{clock:15s} {name:26s} {len(images) / median:6.0f} images/s   {ratio:4.2f}x the usual loop")
    for name, curves in losses.items():
        means = [statistics.mean(values) for values in zip(*curves, strict=True)]
        print(
            f"{name:26s} mean losses over {BATCHES} steps: discriminator {means[0]:.3f}, generator {means[1]:.3f} nats"
        )


if __name__ == "__main__":
    main()

"""Images per second of `ck.fit` against the usual loop, on the standard dense VAE (784-400-20, batch 128).

The usual loop: torchvision's MNIST, ToTensor, a DataLoader with its defaults and shuffling, plain Adam, `loss.item()`
each step. Both train the same network on the same 6,000 bundled digits with dynamic binarisation, from the same
weights. They alternate in one run; the medians of five rounds are compared, and the loss of every epoch is printed.

Run: make bench BENCH=benchmarks/training_speed.py
"""

from __future__ import annotations

import copy
import statistics
import struct
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

import coursekit as ck

ROUNDS, EPOCHS, BATCH = 5, 3, 128


def usual_loop(model: ck.autoencoders.VAE, folder: Path) -> list[float]:
    """Mean loss of each epoch, in nats."""
    loader = DataLoader(
        datasets.MNIST(str(folder), train=True, transform=transforms.ToTensor()), batch_size=BATCH, shuffle=True
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(EPOCHS):
        total = 0.0
        for images, _ in loader:
            optimizer.zero_grad()
            loss = model.loss(torch.bernoulli(images))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        losses.append(total / len(loader.dataset))
    return losses


def our_loop(model: ck.autoencoders.VAE, digits: ck.data.Digits) -> list[float]:
    """Mean loss of each epoch, in nats."""
    return ck.fit(model, digits.train.images, epochs=EPOCHS, batch_size=BATCH, device="cpu", progress=False)["loss"]


def matrix_products_only(images: int) -> float:
    """Seconds for the matrix products of as many steps, forward and backward, and nothing else: the floor."""
    shapes = [(784, 400), (400, 40), (20, 400), (400, 784)]
    operands = [
        (torch.rand(BATCH, a), torch.rand(a, b), torch.rand(BATCH, b)) for a, b in shapes
    ]  # input, weight, gradient of the output
    start = time.perf_counter()
    for _ in range(-(-images // BATCH)):
        for i, (x, weight, gradient) in enumerate(operands):
            x @ weight
            x.T @ gradient
            if i:  # the image needs no gradient
                gradient @ weight.T
    return time.perf_counter() - start


def write_in_torchvisions_layout(digits: ck.data.Digits, folder: Path) -> None:
    """The bundled digits as the idx files that torchvision's MNIST reads."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split, examples in (("train", digits.train), ("t10k", digits.test)):
        pixels = (examples.images * 255).round().to(torch.uint8).numpy()
        header = struct.pack(">4i", 2051, len(pixels), 28, 28)
        (raw / f"{split}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        labels = examples.labels.to(torch.uint8).numpy()
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, len(labels)) + labels.tobytes())


def main() -> None:
    """Alternate the two loops and print medians, their ratio and the loss curves."""
    grey, digits = ck.data.mnist(), ck.data.mnist(binarise="dynamic")
    torch.manual_seed(0)
    start = ck.autoencoders.VAE(latent_size=20)
    seconds: dict[str, list[float]] = {"usual loop": [], "ck.fit": [], "matrix products only": []}
    losses: dict[str, list[list[float]]] = {"usual loop": [], "ck.fit": []}
    images = EPOCHS * len(digits.train)
    with tempfile.TemporaryDirectory() as folder:
        write_in_torchvisions_layout(grey, Path(folder))
        for round_number in range(ROUNDS + 1):
            for name in ("usual loop", "ck.fit"):
                model = copy.deepcopy(start)
                begin = time.perf_counter()
                curve = usual_loop(model, Path(folder)) if name == "usual loop" else our_loop(model, digits)
                if round_number:  # the first round warms up
                    seconds[name].append(time.perf_counter() - begin)
                    losses[name].append(curve)
            if round_number:
                seconds["matrix products only"].append(matrix_products_only(images))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; medians of {ROUNDS} alternating rounds")
    for name, median in medians.items():
        ratio = medians["usual loop"] / median
        print(f"{name:22s} {images / median:8.0f} images/s   {ratio:4.2f}x the usual loop")
    for name, curves in losses.items():
        means = [statistics.mean(epoch) for epoch in zip(*curves, strict=True)]
        print(f"{name:22s} loss per epoch, mean of {ROUNDS}:", " ".join(f"{value:.1f}" for value in means), "nats")


if __name__ == "__main__":
    main()

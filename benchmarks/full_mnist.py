"""Full MNIST, dynamic binarisation with a fixed test draw: the importance-weighted bound of a dense VAE.

Needs the full set (COURSEKIT_DATA, the cache or the network). CPU minutes are processor time of the process, so that
two threads spend two of them a minute. The published figure for one stochastic layer is -86.8 nats
(Burda, Grosse and Salakhutdinov, 2016, table 1: k = 1 on dynamic binarisation, log-likelihood by k = 5,000).

Run: make bench BENCH=benchmarks/full_mnist.py
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import torch
from annealed import Annealed
from torch import Tensor, nn

import coursekit as ck

TEST_IMAGES, IMPORTANCE_SAMPLES = 1000, 500


class AnnealedVAE(Annealed, ck.autoencoders.VAE):
    """A VAE with a falling learning rate."""


def build(latent_size: int, hidden: int, rate: float, steps: int) -> AnnealedVAE:
    """A VAE with two hidden layers on either side."""
    encoder = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 2 * latent_size),
    )
    decoder = nn.Sequential(
        nn.Linear(latent_size, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 784),
        nn.Unflatten(1, (1, 28, 28)),
    )
    model = AnnealedVAE(latent_size, encoder, decoder)
    model.anneal(rate, steps)
    return model


@torch.no_grad()
def bounds(model: ck.autoencoders.VAE, images: Tensor) -> tuple[float, float]:
    """The mean ELBO and the mean importance-weighted bound, in nats."""
    generator = torch.Generator().manual_seed(0)
    elbo = model.elbo(images, samples=10, generator=generator).mean().item()
    weighted = [model.importance_log_prob(chunk, IMPORTANCE_SAMPLES, generator=generator) for chunk in images.split(50)]
    return elbo, torch.cat(weighted).mean().item()


def main() -> None:
    """Train in stretches of a few epochs and print the curve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=130)
    parser.add_argument("--stretch", type=int, default=10, help="epochs between two points of the curve")
    parser.add_argument("--latent", type=int, default=40)
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3, help="of Adam at the start")
    parser.add_argument("--ema", type=float, default=0.9997, help="decay of the averaged weights")
    parser.add_argument(
        "--precision", default="bf16", help="of the matrix products in training; the bounds are in float32"
    )
    options = parser.parse_args()

    digits = ck.data.mnist("full", binarise="dynamic")
    images, test = digits.train.images, digits.test.images[:TEST_IMAGES]
    torch.manual_seed(0)
    steps = options.epochs * math.ceil(len(images) / options.batch)
    model = build(options.latent, options.hidden, options.rate, steps)
    print(f"{options}; {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("CPU min  epochs  train loss   test ELBO >=   importance bound >=   (nats; first 1,000 test images, k = 500)")
    spent = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for epochs in range(options.stretch, options.epochs + 1, options.stretch):
            start = time.process_time()
            history = ck.fit(  # the checkpoint makes of all stretches one run
                model,
                images,
                epochs=epochs,
                batch_size=options.batch,
                ema=options.ema,
                precision=options.precision,
                checkpoint=Path(folder) / "run.pt",
                device="cpu",
                progress=False,
            )
            spent += time.process_time() - start
            elbo, bound = bounds(model, test)
            loss = history["loss"][-1]
            print(f"{spent / 60:7.1f} {epochs:7d} {loss:11.2f} {elbo:14.2f} {bound:21.2f}", flush=True)


if __name__ == "__main__":
    main()

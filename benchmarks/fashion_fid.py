"""Full Fashion-MNIST: a DCGAN on all 60,000 training images, its FID printed every few epochs, the best and the last.

Features: those of the classifier of clothes that comes with the package. The digit classifier's are printed beside them
for comparison. First comes a table of what each of the two sees: the FID of *real* training images against the test
split as they are (the floor), and after something was done to them. All FIDs are of 10,000 images against the 10,000 of
the test split; they compare with no published FID, which is Inception's.

Needs the full set: Debian's package dataset-fashion-mnist, COURSEKIT_DATA, the cache or the network. CPU minutes are
processor time of the process.

Run: make bench BENCH=benchmarks/fashion_fid.py
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate
from torchvision.utils import save_image

import coursekit as ck
from coursekit.adversarial import GAN, DCGANDiscriminator, DCGANGenerator
from coursekit.evaluation import DigitClassifier, FashionClassifier, fid

JUDGED = 10_000


def spoilt(images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Real images in ways that a metric should notice, each (N, 1, 28, 28)."""
    generator = torch.Generator().manual_seed(1)
    noise = 0.1 * torch.randn(images.shape, generator=generator)
    blurred = interpolate(avg_pool2d(images, 2), scale_factor=2.0, mode="bilinear")
    repeated = images[:100].repeat(len(images) // 100, 1, 1, 1)
    return {
        "as they are (the floor)": images,
        "noise of 0.1": (images + noise).clamp(0, 1),
        "half the resolution": blurred,
        "upside down": images.flip(2),
        "no sandals": images[labels != 5],
        "trousers and bags alone": images[(labels == 1) | (labels == 8)],
        "a hundred images, each repeated": repeated,
    }


def main() -> None:
    """What the features see, then the training and its curve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--every", type=int, default=3, help="epochs between two points of the curve")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--samples", type=Path, help="write a grid of samples to this PNG file at each point")
    options = parser.parse_args()

    clothes = ck.data.fashion_mnist("full")
    test = clothes.test.images
    chosen = torch.randperm(len(clothes.train), generator=torch.Generator().manual_seed(0))[:JUDGED]
    own, other = FashionClassifier.load(), DigitClassifier.load()
    print(f"{options}; {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"real training images against the test split, {JUDGED:,} each   features of clothes   features of digits")
    for name, images in spoilt(*clothes.train[chosen]).items():
        values = [float(fid(test, images, features, split="test")) for features in (own, other)]
        print(f"{name:58s} {values[0]:19.2f} {values[1]:20.2f}", flush=True)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = DCGANGenerator(28, latent_size=options.latent, width=options.width)
        model = GAN(generator, DCGANDiscriminator(28, width=options.width), options.latent)
    curve: dict[int, float] = {}
    start = time.process_time()

    def watch(epoch: int, trained: GAN) -> None:
        if epoch % options.every and epoch != options.epochs:
            return
        noise = torch.Generator().manual_seed(0)
        samples = torch.cat([trained.sample(1000, generator=noise) for _ in range(JUDGED // 1000)])
        curve[epoch] = float(fid(test, samples, own, split="test"))
        digits = float(fid(test, samples, other, split="test"))
        minutes = (time.process_time() - start) / 60
        print(f"{minutes:7.1f} {epoch:7d} {curve[epoch]:18.2f} {digits:18.2f}", flush=True)
        if options.samples is not None:
            save_image(samples[:100], options.samples, nrow=10)

    print("CPU min  epochs   FID, of clothes    FID, of digits   (10,000 generated; test split)")
    ck.fit(
        model,
        clothes.train.images,
        epochs=options.epochs,
        batch_size=options.batch,
        ema=options.ema,
        device="cpu",
        after_epoch=watch,
        progress=False,
    )
    best = min(curve, key=curve.__getitem__)
    print(f"features: {own.name}; best {curve[best]:.2f} after {best} epochs, last {curve[max(curve)]:.2f}")


if __name__ == "__main__":
    main()

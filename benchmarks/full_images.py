"""The `full` budget on photographs: DCGAN, or the convolutional VAE of its chapter, on CIFAR-10, CelebA or LFW.

Meant for a GPU, and it runs without one. After each epoch it writes a grid of samples (PNG) and a checkpoint; the same
command resumes where a killed run was, and ends with the same weights. With Inception's features (torch-fidelity and
its weights) it prints a curve of FIDs: 10,000 generated images, or as many as the test split has, against that split.
A VAE is judged and shown by the means of p(x given z), without the noise of single pixels. No other features that come
with the package fit photographs: without Inception there are losses only.

`--data shapes` runs on generated images of the same form, with no download, to see that everything works.

Run: make bench BENCH=benchmarks/full_images.py ARGS="--data cifar10 --model dcgan --precision bf16"
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.utils import save_image

import coursekit as ck
from coursekit.adversarial import GAN, DCGANDiscriminator, DCGANGenerator
from coursekit.autoencoders import VAE, ConvDecoder, ConvEncoder, GaussianLikelihood
from coursekit.data import ByteImages
from coursekit.evaluation import FeaturesError, fid, inception_features

JUDGED, SHOWN = 10_000, 64


class Budget(NamedTuple):
    """What is done where the command does not say otherwise; FID every so many epochs, 0 for never."""

    size: int
    epochs: int
    fid_every: int


BUDGETS = {
    "cifar10": Budget(32, 100, 5),
    "celeba": Budget(64, 25, 1),
    "lfw": Budget(64, 200, 10),
    "shapes": Budget(32, 2, 0),
}


def images_of(name: str, size: int, count: int | None) -> tuple[Tensor | ByteImages, Tensor | ByteImages]:
    """The training and the test images, (N, 3, S, S); of the former the first ``count`` where it is given."""
    if name == "shapes":
        generator = torch.Generator().manual_seed(0)
        train = ck.data.shapes(count or 2000, size, generator=generator).images
        return train, ck.data.shapes(500, size, generator=generator).images
    if name == "cifar10":
        if size != 32:
            raise SystemExit(f"--size must be 32 for CIFAR-10, was {size}")
        pictures = ck.data.cifar10()
    else:
        pictures = ck.data.celeba(size) if name == "celeba" else ck.data.lfw(size)
    train, test = pictures.train.images, pictures.test.images
    assert isinstance(train, ByteImages) and isinstance(test, ByteImages)
    return (train if count is None else ByteImages(train.pixels[:count])), test


def build(name: str, size: int, width: int, latent: int) -> GAN | VAE:
    """The model, always with the same first weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if name == "dcgan":
            generator = DCGANGenerator(size, channels=3, latent_size=latent, width=width)
            return GAN(generator, DCGANDiscriminator(size, channels=3, width=width), latent)
        shape = (3, size, size)
        decoder = ConvDecoder(latent, width, shape)
        return VAE(latent, ConvEncoder(2 * latent, width, shape), decoder, GaussianLikelihood())


@torch.no_grad()
def generated(model: Any, count: int) -> Tensor:
    """``count`` images, the same latent vectors at each call; (N, 3, S, S) in [0, 1], on the CPU."""
    generator = torch.Generator().manual_seed(0)
    chunks = []
    for start in range(0, count, 500):
        n = min(500, count - start)
        if isinstance(model, GAN):
            x = model.sample(n, generator=generator)  # (n, 3, S, S)
        else:
            z = torch.randn(n, len(model.prior_mean), generator=generator)  # (n, L)
            x = model.decode(z.to(model.device)).mean.clamp(0, 1)  # (n, 3, S, S)
        chunks.append(x.cpu())
    return torch.cat(chunks)


class Watcher:
    """Writes a grid of samples after each epoch and, now and then, the FID; both survive a restart."""

    def __init__(self, folder: Path, test: Tensor | ByteImages, epochs: int, fid_every: int) -> None:
        self.folder, self.epochs, self.fid_every = folder, epochs, fid_every
        self.scores = folder / "fid.json"
        self.features = None
        folder.mkdir(parents=True, exist_ok=True)
        if fid_every:
            try:
                self.features = inception_features(device=ck.device())
                self.real = test[: min(JUDGED, len(test))]  # (N, 3, S, S)
            except FeaturesError as error:
                print(f"No FID: {error}")

    def __call__(self, epoch: int, model: Any) -> None:
        """To be called by `ck.fit`."""
        save_image(generated(model, SHOWN), self.folder / f"epoch-{epoch:04d}.png", nrow=8)
        if self.features is None or (epoch % self.fid_every and epoch != self.epochs):
            return
        score = fid(self.real, generated(model, len(self.real)), self.features, split="test")
        earlier = {e: value for e, value in self.curve().items() if e < epoch}
        self.scores.write_text(json.dumps(earlier | {epoch: score.value}), encoding="utf-8")
        print(f"epoch {epoch}: {score}", flush=True)

    def curve(self) -> dict[int, float]:
        """FIDs by epoch."""
        if not self.scores.exists():
            return {}
        return {int(epoch): value for epoch, value in json.loads(self.scores.read_text(encoding="utf-8")).items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, or go on with training; print losses and the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=BUDGETS, default="shapes")
    parser.add_argument("--model", choices=("dcgan", "vae"), default="dcgan")
    parser.add_argument("--size", type=int, help="of the images in pixels")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--images", type=int, help="train on the first so many (shapes: draw so many)")
    parser.add_argument("--width", type=int, default=64, help="channels of the widest feature map")
    parser.add_argument("--latent", type=int, default=100)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", default="32", help="32, bf16 or, on CUDA, 16")
    parser.add_argument("--fid-every", type=int, help="epochs between two FIDs, 0 for none")
    parser.add_argument("--checkpoint", type=Path, help="file; samples are written to a folder beside it")
    parser.add_argument("--device", help="cuda, mps or cpu; the best there is by default")
    options = parser.parse_args(arguments)
    budget = BUDGETS[options.data]
    size = options.size or budget.size
    epochs = options.epochs or budget.epochs
    checkpoint = options.checkpoint or Path("_build", "full", f"{options.data}-{options.model}-{size}.pt")

    train, test = images_of(options.data, size, options.images)
    model = build(options.model, size, options.width, options.latent)
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"{options.data}: {len(train):,} training images of {size} x {size}; {options.model}, {weights:,} weights")
    print(
        f"{epochs} epochs on {options.device or ck.device()}, precision {options.precision}, torch {torch.__version__}"
    )
    print(f"checkpoint {checkpoint}" + (": found, training goes on" if checkpoint.exists() else ""), flush=True)
    fid_every = budget.fid_every if options.fid_every is None else options.fid_every
    watcher = Watcher(checkpoint.with_suffix(""), test, epochs, fid_every)
    history = ck.fit(
        model,
        train,
        epochs=epochs,
        batch_size=options.batch,
        validation=test[:1000] if options.model == "vae" else None,
        ema=0.999,
        precision=options.precision,
        checkpoint=checkpoint,
        device=options.device,
        after_epoch=watcher,
    )
    curve = watcher.curve()
    names = list(history)
    print("epoch" + "".join(f"{name:>15}" for name in names) + ("            FID" if curve else ""))
    for epoch in range(1, len(history[names[0]]) + 1):
        values = "".join(f"{history[name][epoch - 1]:15.4f}" for name in names)
        print(f"{epoch:5d}{values}" + (f"{curve[epoch]:15.2f}" if epoch in curve else ""))
    if curve:
        best = min(curve, key=curve.__getitem__)
        print(f"best FID {curve[best]:.2f} after epoch {best}, last {curve[max(curve)]:.2f}")
    print(f"samples in {watcher.folder}; delete {checkpoint} to start afresh")


if __name__ == "__main__":
    main()

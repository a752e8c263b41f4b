"""Every model trains and samples where its parameters are.

On torch's ``meta`` device tensors have shapes and no numbers: a tensor made on the wrong device fails there, with no
GPU at hand. The same runs on CUDA where there is one.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from coursekit import autoencoders as ae
from coursekit import autoregressive as ar
from coursekit.training import Model
from coursekit.training.single import SingleDevice

BINARY, GREY, COLOUR = (1, 28, 28), (1, 28, 28), (3, 32, 32)

MODELS: dict[str, tuple[Callable[[], Model], tuple[int, ...]]] = {
    "Autoencoder": (lambda: ae.Autoencoder(4), GREY),
    "ConvAutoencoder": (lambda: ae.ConvAutoencoder(4, image_shape=COLOUR), COLOUR),
    "DenoisingAutoencoder": (lambda: ae.DenoisingAutoencoder(900), GREY),
    "VAE dense, Bernoulli": (lambda: ae.VAE(4), BINARY),
    "VAE dense, Gaussian": (lambda: ae.VAE(4, likelihood=ae.GaussianLikelihood(0.1)), GREY),
    "VAE convolutional, learnt variance": (
        lambda: ae.VAE(
            4,
            ae.ConvEncoder(8, image_shape=COLOUR),
            ae.ConvDecoder(4, image_shape=COLOUR),
            ae.GaussianLikelihood(),
        ),
        COLOUR,
    ),
    "FVSBN": (lambda: ar.FVSBN((1, 4, 4)), (1, 4, 4)),
    "NADE": (lambda: ar.NADE((1, 4, 4), 8), (1, 4, 4)),
    "MADE": (lambda: ar.MADE((1, 4, 4), (20,), levels=4), (1, 4, 4)),
    "MADE of several orderings": (lambda: ar.MADE((1, 4, 4), (20,), orderings=3), (1, 4, 4)),
    "PixelCNN": (lambda: ar.PixelCNN((3, 4, 4), 6, 2, levels=256), (3, 4, 4)),
    "GatedPixelCNN": (lambda: ar.GatedPixelCNN((3, 4, 4), 6, 2, levels=4), (3, 4, 4)),
    "RasterLSTM": (lambda: ar.RasterLSTM((3, 4, 4), 6, 2, levels=4), (3, 4, 4)),
    "RowLSTM": (lambda: ar.RowLSTM((3, 4, 4), 6, 2, levels=4), (3, 4, 4)),
    "DiagonalBiLSTM": (lambda: ar.DiagonalBiLSTM((3, 4, 4), 6, 2, levels=4), (3, 4, 4)),
    "GatedPixelCNN of classes": (lambda: ar.GatedPixelCNN((1, 4, 4), 6, 2, classes=10), (1, 4, 4)),
    "WaveNet": (lambda: ar.WaveNet(9, 16, 4, (1, 2)), (9,)),
    "WaveNet of classes": (lambda: ar.WaveNet(9, 2, 4, (1, 2), kernel=3, classes=10), (9,)),
    "PixelCNNPlusPlus": (lambda: ar.PixelCNNPlusPlus((3, 4, 4), 6, 2, levels=4), (3, 4, 4)),
    "PixelCNNPlusPlus of channels apart": (
        lambda: ar.PixelCNNPlusPlus((3, 4, 4), 6, 2, levels=4, changes=ar.Changes(whole_pixels=False)),
        (3, 4, 4),
    ),
}


def test_every_public_model_is_listed():
    public = {
        name
        for family in (ae, ar)
        for name in family.__all__
        if isinstance(getattr(family, name), type) and issubclass(getattr(family, name), Model)
    }
    assert public - {"Autoregressive"} == {name.split()[0] for name in MODELS}


def step_and_sample(name: str, device: str) -> None:
    make, image_shape = MODELS[name]
    model, optimizers = SingleDevice(torch.device(device), "32", clip=None).set_up(make())
    batch = torch.zeros(3, *image_shape, device=device)
    labels = torch.zeros(5, dtype=torch.long, device=device) if getattr(model, "classes", None) else None
    scalars = model.training_step(batch if labels is None else (batch, labels[:3]), optimizers)
    assert {value.device.type for value in scalars.values()} == {torch.device(device).type}
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    generator = torch.Generator(device) if device != "meta" else None
    if isinstance(model, ar.Autoregressive):
        draws = model.sample(5, labels=labels, generator=generator)
        assert draws.shape == (5, *image_shape) and draws.device.type == torch.device(device).type
        assert model.log_prob(draws, labels).shape == (5,)
    elif hasattr(model, "sample"):
        assert model.sample(5, generator=generator).shape == (5, *image_shape)
        assert model.importance_log_prob(batch, 60).shape == (3,)
    else:
        assert model.reconstruct(batch).shape == batch.shape


@pytest.mark.parametrize("name", MODELS)
def test_step_and_sample_on_the_meta_device(name):
    step_and_sample(name, "meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NO CUDA DEVICE: the models were not run on a GPU")
@pytest.mark.parametrize("name", MODELS)
def test_step_and_sample_on_cuda(name):
    step_and_sample(name, "cuda")

"""Autoencoders against principal components, which are the optimum of the linear ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import coursekit as ck
from coursekit.autoencoders import Autoencoder, ConvAutoencoder, DenoisingAutoencoder


class LinearAutoencoder(Autoencoder):
    """Without activations: its best squared error is that of the principal components."""

    learning_rate = 0.02

    def __init__(self) -> None:
        super().__init__(2, nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), nn.Linear(2, 16))

    def decode(self, code):
        return self.decoder(code).unflatten(-1, (1, 4, 4))


def test_a_linear_autoencoder_reaches_the_error_of_the_principal_components():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 16, generator=generator) * torch.linspace(2.0, 0.2, 16)
    singular_values = torch.linalg.svdvals(x - x.mean(0))
    smallest = singular_values[2:].square().sum() / 500
    model = LinearAutoencoder()
    ck.fit(model, x.view(500, 1, 4, 4), epochs=150, batch_size=100, progress=False)
    error = model.loss(x.view(500, 1, 4, 4)).item()
    assert smallest.item() * 0.999 < error < smallest.item() * 1.02


def test_the_error_is_summed_over_pixels_and_averaged_over_examples():
    torch.manual_seed(0)
    model, x = Autoencoder(3), torch.rand(5, 1, 28, 28)
    by_hand = sum((x[i] - model.reconstruct(x)[i]).square().sum() for i in range(5)) / 5
    assert model.loss(x).item() == pytest.approx(by_hand.item(), rel=1e-5)


@pytest.mark.parametrize("image_shape", [(1, 28, 28), (3, 32, 32)])
def test_convolutional_autoencoder_keeps_the_shape_and_the_range(image_shape):
    model, x = ConvAutoencoder(7, image_shape=image_shape), torch.rand(2, *image_shape)
    assert model.encode(x).shape == (2, 7)
    reconstruction = model.reconstruct(x)
    assert reconstruction.shape == x.shape
    assert 0 <= reconstruction.min() and reconstruction.max() <= 1


def test_a_convolutional_autoencoder_starts_dark_and_does_not_turn_black_at_once():
    torch.manual_seed(0)
    model, x = ConvAutoencoder(4, width=8), ck.data.mnist().train.images[:500]
    with torch.no_grad():
        assert model.reconstruct(x[:10]).mean().item() == pytest.approx(0.18, abs=0.05)
    model.learning_rate = 5e-3
    ck.fit(model, x, epochs=2, batch_size=25, progress=False)
    assert model.loss(x).item() < 0.7 * x.square().flatten(1).sum(1).mean().item()  # an answer in black pays all of it


def test_corruption_hits_the_stated_share_of_pixels():
    model, x = DenoisingAutoencoder(10, corruption=0.3), torch.ones(200, 1, 28, 28)
    corrupted = model.corrupt(x, generator=torch.Generator().manual_seed(0))
    assert corrupted.unique().tolist() == [0.0, 1.0]
    assert (corrupted == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)


def test_the_denoising_loss_is_measured_against_the_clean_image():
    """A network that returns its input unchanged pays exactly for what was removed."""

    class Copy(DenoisingAutoencoder):
        def reconstruct(self, x):
            return x

    x = torch.ones(500, 1, 28, 28)
    torch.manual_seed(0)
    assert Copy(1, corruption=0.25).loss(x).item() == pytest.approx(784 * 0.25, rel=0.02)


def test_corruption_out_of_range_is_named():
    with pytest.raises(ValueError, match=r"corruption must lie in \[0, 1\), was 1"):
        DenoisingAutoencoder(10, corruption=1)

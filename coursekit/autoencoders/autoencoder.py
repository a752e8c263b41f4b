"""Autoencoders: a code for each image and a way back, learnt from the error of the round trip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coursekit.autoencoders.networks import (
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    UpsamplingDecoder,
)
from coursekit.training.model import Model


class Autoencoder(Model):
    r"""Dense autoencoder: a point code for each image, trained on the squared error of its reconstruction.

    .. math:: \mathcal{L}(\theta, \phi) = \mathbb{E}_{x} \, \lVert x - g_\theta(f_\phi(x)) \rVert^2

    The error is summed over pixels and averaged over examples. Pixels lie in [0, 1]. There is no distribution anywhere,
    and so neither a likelihood nor a way to sample.

    Source: Hinton and Salakhutdinov (2006).
    """

    def __init__(self, code_size: int, encoder: nn.Module | None = None, decoder: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder = encoder if encoder is not None else DenseEncoder(code_size)
        self.decoder = decoder if decoder is not None else DenseDecoder(code_size)

    def encode(self, x: Tensor) -> Tensor:
        """Codes, shape (B, K)."""
        return self.encoder(x)  # (B, K)

    def decode(self, code: Tensor) -> Tensor:
        """Images in [0, 1], shape (B, C, H, W)."""
        return self.decoder(code).sigmoid()  # (B, C, H, W)

    def reconstruct(self, x: Tensor) -> Tensor:
        """The round trip, shape (B, C, H, W)."""
        return self.decode(self.encode(x))

    def squared_error(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Squared error summed over pixels, shape (B,)."""
        return (x - reconstruction).square().flatten(1).sum(1)  # (B,)

    def loss(self, batch: Tensor) -> Tensor:
        """The mean over examples of the squared error."""
        return self.squared_error(batch, self.reconstruct(batch)).mean()


class ConvAutoencoder(Autoencoder):
    """Convolutional autoencoder: strided convolutions on the way in, upsampling and convolutions on the way out.

    ``width`` is the number of channels of the layer next to the image; the inner layer has twice as many.
    """

    def __init__(self, code_size: int, width: int = 32, image_shape: tuple[int, int, int] = (1, 28, 28)) -> None:
        decoder = UpsamplingDecoder(code_size, width, image_shape)
        super().__init__(code_size, ConvEncoder(code_size, width, image_shape), decoder)
        # Start dark and nearly even, as most images are. From grey, the first steps drive the bias that all pixels
        # share far below zero, where the logistic function has no slope left: the network may answer black for good.
        last = decoder[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.constant_(last.bias, -1.5)
        with torch.no_grad():
            last.weight.mul_(0.1)


class DenoisingAutoencoder(Autoencoder):
    """Autoencoder that is given a spoilt image and must return the clean one.

    Each pixel of the input is set to zero with probability ``corruption``. The identity is then no longer a solution,
    even where no layer is narrower than the input. ``code_size`` may well exceed the number of pixels.

    Source: Vincent, Larochelle, Bengio and Manzagol (2008).
    """

    def __init__(
        self,
        code_size: int,
        corruption: float = 0.5,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
    ) -> None:
        super().__init__(code_size, encoder, decoder)
        if not 0 <= corruption < 1:
            raise ValueError(f"DenoisingAutoencoder: corruption must lie in [0, 1), was {corruption}")
        self.corruption = corruption

    def corrupt(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """``x`` with pixels set to zero at random, same shape."""
        kept = torch.rand(x.shape, generator=generator, device=x.device) >= self.corruption  # (B, C, H, W)
        return x * kept

    def loss(self, batch: Tensor) -> Tensor:
        """The mean over examples of the squared error against the *clean* image."""
        return self.squared_error(batch, self.reconstruct(self.corrupt(batch))).mean()

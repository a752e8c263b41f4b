"""Autoencoders and variational autoencoders."""

from coursekit.autoencoders.autoencoder import Autoencoder, ConvAutoencoder, DenoisingAutoencoder
from coursekit.autoencoders.likelihoods import BernoulliLikelihood, GaussianLikelihood
from coursekit.autoencoders.networks import (
    ConvDecoder,
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    UpsamplingDecoder,
)
from coursekit.autoencoders.vae import VAE

__all__ = [
    "VAE",
    "Autoencoder",
    "BernoulliLikelihood",
    "ConvAutoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "DenoisingAutoencoder",
    "DenseDecoder",
    "DenseEncoder",
    "GaussianLikelihood",
    "UpsamplingDecoder",
]

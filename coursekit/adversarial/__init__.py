"""Generative adversarial networks: the game, dense and convolutional players."""

from coursekit.adversarial.dcgan import DCGANDiscriminator, DCGANGenerator, Rules
from coursekit.adversarial.gan import GAN, distance_to_nearest
from coursekit.adversarial.networks import MLPDiscriminator, MLPGenerator

__all__ = [
    "GAN",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "MLPDiscriminator",
    "MLPGenerator",
    "Rules",
    "distance_to_nearest",
]

"""Generative adversarial networks: the game, dense and convolutional players, repairs."""

from coursekit.adversarial.dcgan import DCGANDiscriminator, DCGANGenerator, Rules
from coursekit.adversarial.gan import GAN, distance_to_nearest
from coursekit.adversarial.networks import MLPDiscriminator, MLPGenerator
from coursekit.adversarial.repairs import Noisy, Packed, PenalisedGAN
from coursekit.adversarial.ring import play_ring, ring_game

__all__ = [
    "GAN",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "MLPDiscriminator",
    "MLPGenerator",
    "Noisy",
    "Packed",
    "PenalisedGAN",
    "Rules",
    "distance_to_nearest",
    "play_ring",
    "ring_game",
]

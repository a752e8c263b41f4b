"""Generator networks: noise turned into data by functions that can be learnt, inverted or both."""

from coursekit.generators.affine import AffineGenerator
from coursekit.generators.mlp import MLPGenerator, energy_distance

__all__ = ["AffineGenerator", "MLPGenerator", "energy_distance"]

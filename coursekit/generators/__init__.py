"""Generator networks: noise turned into data by functions that can be learnt, inverted or both."""

from coursekit.generators.affine import AffineGenerator
from coursekit.generators.autoregressive import IAF, MAF
from coursekit.generators.discrete import GumbelSoftmax, gumbel_max, straight_through
from coursekit.generators.flows import AffineCoupling, Flow, FlowLayer, Permutation, RealNVP, Rescale
from coursekit.generators.mlp import MLPGenerator, energy_distance
from coursekit.generators.planar import Planar, PlanarFlow
from coursekit.generators.preprocessing import Dequantised, Logit, bits_per_dimension, dequantise, quantise
from coursekit.generators.splines import NeuralSplineFlow, SplineCoupling

__all__ = [
    "IAF",
    "MAF",
    "AffineCoupling",
    "AffineGenerator",
    "Dequantised",
    "Flow",
    "FlowLayer",
    "GumbelSoftmax",
    "Logit",
    "MLPGenerator",
    "NeuralSplineFlow",
    "Permutation",
    "Planar",
    "PlanarFlow",
    "RealNVP",
    "Rescale",
    "SplineCoupling",
    "bits_per_dimension",
    "dequantise",
    "energy_distance",
    "gumbel_max",
    "quantise",
    "straight_through",
]

"""Data: bundled digits, full sets that are downloaded, images with known factors, densities in the plane."""

from coursekit.data.digits import fashion_mnist, mnist
from coursekit.data.errors import DataError
from coursekit.data.examples import Batch, ByteImages, Digits, DynamicBinarisation, Examples, Pictures
from coursekit.data.factors import FactorBatch, Shapes, draw_shapes, shapes
from coursekit.data.photographs import celeba, cifar10, lfw
from coursekit.distributions.planar import (
    Checkerboard,
    GaussianGrid,
    GaussianRing,
    Pinwheel,
    PlanarDensity,
    PlanarMixture,
    Rings,
    TwoMoons,
)

__all__ = [
    "Batch",
    "ByteImages",
    "Checkerboard",
    "DataError",
    "Digits",
    "DynamicBinarisation",
    "Examples",
    "FactorBatch",
    "GaussianGrid",
    "GaussianRing",
    "Pictures",
    "Pinwheel",
    "PlanarDensity",
    "PlanarMixture",
    "Rings",
    "Shapes",
    "TwoMoons",
    "celeba",
    "cifar10",
    "draw_shapes",
    "fashion_mnist",
    "lfw",
    "mnist",
    "shapes",
]

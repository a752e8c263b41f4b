"""Data: bundled digits, full sets that are downloaded, images with known factors, densities in the plane."""

from coursekit.data.digits import fashion_mnist, mnist
from coursekit.data.errors import DataError
from coursekit.data.examples import Batch, Digits, DynamicBinarisation, Examples
from coursekit.data.factors import FactorBatch, Shapes, draw_shapes, shapes
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
    "Checkerboard",
    "DataError",
    "Digits",
    "DynamicBinarisation",
    "Examples",
    "FactorBatch",
    "GaussianGrid",
    "GaussianRing",
    "Pinwheel",
    "PlanarDensity",
    "PlanarMixture",
    "Rings",
    "Shapes",
    "TwoMoons",
    "draw_shapes",
    "fashion_mnist",
    "mnist",
    "shapes",
]

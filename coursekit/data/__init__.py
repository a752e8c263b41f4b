"""Data sets: handwritten digits that come with the package, full sets that are downloaded, densities in the plane."""

from coursekit.data.digits import fashion_mnist, mnist
from coursekit.data.errors import DataError
from coursekit.data.examples import Batch, Digits, DynamicBinarisation, Examples
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
    "GaussianGrid",
    "GaussianRing",
    "Pinwheel",
    "PlanarDensity",
    "PlanarMixture",
    "Rings",
    "TwoMoons",
    "fashion_mnist",
    "mnist",
]

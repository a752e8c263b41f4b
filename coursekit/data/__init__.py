"""Data: bundled digits, sound and text, full sets that are downloaded, images with known factors, plane densities."""

from coursekit.data.corpus import Corpus, Documents, state_of_the_union
from coursekit.data.digits import fashion_mnist, mnist
from coursekit.data.errors import DataError
from coursekit.data.examples import Batch, ByteImages, Digits, DynamicBinarisation, Examples, Pictures
from coursekit.data.factors import FactorBatch, Shapes, draw_shapes, shapes
from coursekit.data.mu_law import from_mu_law, mu_law
from coursekit.data.photographs import celeba, cifar10, lfw
from coursekit.data.sequences import Clips, Recordings, Text, cello, moby_dick
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
    "Clips",
    "Corpus",
    "DataError",
    "Digits",
    "Documents",
    "DynamicBinarisation",
    "Examples",
    "FactorBatch",
    "GaussianGrid",
    "GaussianRing",
    "Pictures",
    "Pinwheel",
    "PlanarDensity",
    "PlanarMixture",
    "Recordings",
    "Rings",
    "Shapes",
    "Text",
    "TwoMoons",
    "celeba",
    "cello",
    "cifar10",
    "draw_shapes",
    "fashion_mnist",
    "from_mu_law",
    "lfw",
    "mnist",
    "moby_dick",
    "mu_law",
    "shapes",
    "state_of_the_union",
]

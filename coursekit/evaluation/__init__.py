"""How to judge samples: distances between sets, modes that are covered, memorising, and tests by a classifier."""

from coursekit.evaluation.features import (
    DigitClassifier,
    FashionClassifier,
    Features,
    FeaturesError,
    InceptionFeatures,
    RawValues,
    inception_features,
)
from coursekit.evaluation.frechet import fid, fid_at, fid_infinity, frechet_distance
from coursekit.evaluation.manifold import (
    DensityCoverage,
    Neighbours,
    PrecisionRecall,
    density_coverage,
    nearest_neighbours,
    precision_recall,
)
from coursekit.evaluation.modes import DigitModes, PlanarModes, covered_modes, digit_modes
from coursekit.evaluation.score import Score
from coursekit.evaluation.two_sample import TwoSampleTest, classifier_two_sample_test

__all__ = [
    "DensityCoverage",
    "DigitClassifier",
    "DigitModes",
    "FashionClassifier",
    "Features",
    "FeaturesError",
    "InceptionFeatures",
    "Neighbours",
    "PlanarModes",
    "PrecisionRecall",
    "RawValues",
    "Score",
    "TwoSampleTest",
    "classifier_two_sample_test",
    "covered_modes",
    "density_coverage",
    "digit_modes",
    "fid",
    "fid_at",
    "fid_infinity",
    "frechet_distance",
    "inception_features",
    "nearest_neighbours",
    "precision_recall",
]

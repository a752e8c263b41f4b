"""The base classes of all models and the one training loop."""

from coursekit.training.checkpoint import CheckpointError
from coursekit.training.history import History
from coursekit.training.loop import fit
from coursekit.training.model import Adversarial, ExplicitDensity, LatentVariable, Model, adam
from coursekit.training.single import Minimiser, device

__all__ = [
    "Adversarial",
    "CheckpointError",
    "ExplicitDensity",
    "History",
    "LatentVariable",
    "Minimiser",
    "Model",
    "adam",
    "device",
    "fit",
]

"""Autoregressive models: exact likelihoods by the chain rule, with sampling that computes only what is new."""

from coursekit.autoregressive import masks
from coursekit.autoregressive.base import Autoregressive
from coursekit.autoregressive.fvsbn import FVSBN
from coursekit.autoregressive.made import MADE
from coursekit.autoregressive.nade import NADE
from coursekit.autoregressive.pixelcnn import GatedPixelCNN, PixelCNN
from coursekit.autoregressive.pixelrnn import DiagonalBiLSTM, RasterLSTM, RowLSTM, skew, unskew
from coursekit.distributions import DiscretizedLogisticMixture

__all__ = [
    "FVSBN",
    "MADE",
    "NADE",
    "Autoregressive",
    "DiagonalBiLSTM",
    "DiscretizedLogisticMixture",
    "GatedPixelCNN",
    "PixelCNN",
    "RasterLSTM",
    "RowLSTM",
    "masks",
    "skew",
    "unskew",
]

"""Autoregressive models: exact likelihoods by the chain rule, with sampling that computes only what is new."""

from coursekit.autoregressive import masks
from coursekit.autoregressive.base import Autoregressive
from coursekit.autoregressive.fvsbn import FVSBN
from coursekit.autoregressive.made import MADE
from coursekit.autoregressive.nade import NADE
from coursekit.autoregressive.pixelcnn import GatedPixelCNN, PixelCNN
from coursekit.autoregressive.pixelcnnpp import Changes, PixelCNNPlusPlus
from coursekit.autoregressive.pixelrnn import DiagonalBiLSTM, RasterLSTM, RowLSTM, skew, unskew
from coursekit.autoregressive.wavenet import WaveNet
from coursekit.distributions import DiscretizedLogisticMixture

__all__ = [
    "FVSBN",
    "MADE",
    "NADE",
    "Autoregressive",
    "Changes",
    "DiagonalBiLSTM",
    "DiscretizedLogisticMixture",
    "GatedPixelCNN",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "RasterLSTM",
    "RowLSTM",
    "WaveNet",
    "masks",
    "skew",
    "unskew",
]

"""Distributions that ``torch.distributions`` lacks, in its own language."""

from coursekit.distributions.diagonal import DiagonalBernoulli, DiagonalGaussian
from coursekit.distributions.discretized import DiscretizedLogisticMixture

__all__ = ["DiagonalBernoulli", "DiagonalGaussian", "DiscretizedLogisticMixture"]

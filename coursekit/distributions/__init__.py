"""Distributions that ``torch.distributions`` lacks, in its own language."""

from coursekit.distributions.diagonal import DiagonalBernoulli, DiagonalGaussian

__all__ = ["DiagonalBernoulli", "DiagonalGaussian"]

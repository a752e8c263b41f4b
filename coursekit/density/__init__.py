"""Density estimation, and how to say that one distribution is close to another."""

from coursekit.density.divergences import jensen_shannon, kl_divergence
from coursekit.density.histogram import Histogram
from coursekit.density.kernel_density import KernelDensity

__all__ = ["Histogram", "KernelDensity", "jensen_shannon", "kl_divergence"]

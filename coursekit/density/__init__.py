"""Density estimation, and how to say that one distribution is close to another."""

from coursekit.density.divergences import jensen_shannon, kl_divergence

__all__ = ["jensen_shannon", "kl_divergence"]

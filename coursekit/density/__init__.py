"""Density estimation, and how to say that one distribution is close to another."""

from coursekit.density.divergences import jensen_shannon, kl_divergence
from coursekit.density.histogram import Histogram
from coursekit.density.kernel_density import KernelDensity
from coursekit.density.mcmc import (
    Chains,
    HamiltonianMonteCarlo,
    Langevin,
    RandomWalkMetropolis,
    autocorrelation,
    effective_sample_size,
    leapfrog,
    metropolis_matrix,
    r_hat,
    split_r_hat,
)

__all__ = [
    "Chains",
    "HamiltonianMonteCarlo",
    "Histogram",
    "KernelDensity",
    "Langevin",
    "RandomWalkMetropolis",
    "autocorrelation",
    "effective_sample_size",
    "jensen_shannon",
    "kl_divergence",
    "leapfrog",
    "metropolis_matrix",
    "r_hat",
    "split_r_hat",
]

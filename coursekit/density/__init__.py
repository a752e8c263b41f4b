"""Densities: estimating them, explaining them by hidden causes, drawing from them, and saying how close two are."""

from coursekit.density.diagnostics import autocorrelation, effective_sample_size, r_hat, split_r_hat
from coursekit.density.divergences import jensen_shannon, kl_divergence
from coursekit.density.gaussian_mixture import CollapseError, CollapseWarning, GaussianMixture
from coursekit.density.histogram import Histogram
from coursekit.density.k_means import k_means
from coursekit.density.kernel_density import KernelDensity
from coursekit.density.lda import CollapsedGibbs, LatentDirichletAllocation
from coursekit.density.mcmc import (
    Chains,
    HamiltonianMonteCarlo,
    Langevin,
    RandomWalkMetropolis,
    leapfrog,
    metropolis_matrix,
)
from coursekit.density.plsa import PLSA
from coursekit.density.topics import draw_documents, perplexity, split_words

__all__ = [
    "Chains",
    "CollapseError",
    "CollapseWarning",
    "GaussianMixture",
    "CollapsedGibbs",
    "HamiltonianMonteCarlo",
    "Histogram",
    "KernelDensity",
    "Langevin",
    "LatentDirichletAllocation",
    "PLSA",
    "RandomWalkMetropolis",
    "autocorrelation",
    "draw_documents",
    "effective_sample_size",
    "jensen_shannon",
    "k_means",
    "kl_divergence",
    "leapfrog",
    "metropolis_matrix",
    "perplexity",
    "r_hat",
    "split_r_hat",
    "split_words",
]

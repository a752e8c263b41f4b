"""What the topic models share: documents as counts of words, halves of documents, perplexity."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = torch.finfo(torch.float64).tiny


def as_counts(counts: Tensor, name: str) -> Tensor:
    """Counts of words, shape (D, V), in float64.

    Raises
    ------
    ValueError
        If they are no matrix, or any is negative or not a whole number.
    """
    if counts.dim() != 2:
        raise ValueError(f"{name}: counts must have shape (documents, words), had {tuple(counts.shape)}")
    counts = counts.double()
    if not bool(((counts >= 0) & (counts == counts.round()) & counts.isfinite()).all()):
        raise ValueError(f"{name}: counts must be whole numbers, none negative; they say how often a word stands there")
    return counts


def normalised(weights: Tensor) -> Tensor:
    """Each row divided by its sum; a row of zeros becomes uniform."""
    total = weights.sum(dim=-1, keepdim=True)
    return torch.where(total > 0, weights / total, 1 / weights.shape[-1])


class Bags:
    """Counts of words (D, V), and what EM and variational inference ask of them again and again."""

    def __init__(self, counts: Tensor, name: str) -> None:
        self.counts = as_counts(counts, name)
        self._places = self.counts.flatten().nonzero().squeeze(1)  # (P,): where words occur
        self._occurring = self.counts.take(self._places)  # (P,)

    def ratio(self, probs: Tensor) -> Tensor:
        """Counts divided by the probabilities that a model gives, (D, V): above average where it gives too little."""
        return self.counts / probs.clamp_min(TINY)

    def log_likelihood(self, probs: Tensor) -> float:
        """The sum of n_dw log p_dw, in nats."""
        return (self._occurring @ probs.take(self._places).clamp_min(TINY).log()).item()


def dirichlet(concentration: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One draw from a Dirichlet distribution for each row of ``concentration``, (..., K)."""
    return normalised(torch._standard_gamma(concentration.double(), generator=generator))


def draw_documents(
    topic_words: Tensor, alpha: float, n: int, length: int, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    r"""Documents as latent Dirichlet allocation tells their story: counts (n, V), int64, and topic shares (n, K).

    .. math:: \theta_d \sim \mathrm{Dirichlet}(\alpha), \quad z_{di} \sim \theta_d, \quad w_{di} \sim \phi_{z_{di}}

    ``topic_words`` has shape (K, V), its rows sum to one; each document has ``length`` words. The topic of each word is
    summed out: the words are drawn from the mixture of topics.
    """
    shares = dirichlet(torch.full((n, len(topic_words)), alpha), generator)  # (n, K)
    words = torch.multinomial(shares @ topic_words.double(), length, replacement=True, generator=generator)  # (n, L)
    counts = torch.zeros(n, topic_words.shape[1], dtype=torch.int64)
    return counts.scatter_add_(1, words, torch.ones_like(words)), shares


def split_words(counts: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Each document's words in two parts, two count matrices (D, V): a fair coin for each occurrence of a word.

    For document completion: a model sees the first part and is asked for the second.
    """
    first = torch.binomial(counts.double(), torch.full_like(counts, 0.5, dtype=torch.float64), generator=generator)
    return first.to(counts.dtype), counts - first.to(counts.dtype)


def perplexity(word_probs: Tensor, counts: Tensor) -> float:
    r"""How many equally likely words would leave the same doubt: 1 for no doubt, V for none of them known.

    .. math:: \exp\Big(-\frac{\sum_{dw} n_{dw} \log p(w \mid d)}{\sum_{dw} n_{dw}}\Big)

    ``word_probs``: p(w given d), shape (D, V) or (V,), none of it learnt from the words that ``counts`` (D, V) counts.
    Infinite if a word occurs that has the probability zero.
    """
    counts = as_counts(counts, "perplexity")
    surprise = -torch.special.xlogy(counts, word_probs.double()).sum() / counts.sum()
    return surprise.exp().item()

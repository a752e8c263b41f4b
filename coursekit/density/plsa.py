"""Probabilistic latent semantic analysis: each document is a mixture of topics, fitted by EM."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from coursekit.density.topics import Bags, as_counts, normalised


class PLSA(nn.Module):
    r"""A document is a bag of words, each drawn from a mixture of K topics with the document's own weights.

    .. math:: p(w \mid d) = \sum_{k=1}^{K} \theta_{dk} \, \phi_{kw}

    All of theta and phi are parameters, found by expectation-maximisation. So the model knows the documents that it was
    fitted to and no others; `fold_in` finds weights for new ones, which is one more fit and no probability.

    Source: Hofmann (1999).
    """

    topic_words: Tensor
    """phi, (K, V), float64: each row is a topic's distribution over words."""
    document_topics: Tensor
    """theta, (D, K), float64: each row is a document's distribution over topics."""

    def __init__(self, topics: int) -> None:
        super().__init__()
        self.topics = topics
        self.log_likelihoods: list[float] = []
        """log p of all words before each iteration of `fit`, in nats: it never falls."""
        self.register_buffer("topic_words", torch.empty(0))
        self.register_buffer("document_topics", torch.empty(0))

    def fit(self, counts: Tensor, *, iterations: int = 100, generator: torch.Generator | None = None) -> Self:
        """Expectation-maximisation from a random start; ``counts`` has shape (D, V). Returns the model itself.

        Raises
        ------
        ValueError
            If ``counts`` is no matrix of counts.
        """
        bags = Bags(counts, "PLSA.fit")
        documents, words = counts.shape
        theta = normalised(torch.rand(documents, self.topics, dtype=torch.float64, generator=generator) + 1)
        phi = normalised(torch.rand(self.topics, words, dtype=torch.float64, generator=generator) + 1)
        self.log_likelihoods = []
        for _ in range(iterations):
            probs = theta @ phi  # (D, V)
            self.log_likelihoods.append(bags.log_likelihood(probs))
            ratio = bags.ratio(probs)
            theta, phi = normalised(theta * (ratio @ phi.T)), normalised(phi * (theta.T @ ratio))  # (D, K), (K, V)
        self.document_topics, self.topic_words = theta, phi
        return self

    def fold_in(self, counts: Tensor, *, iterations: int = 100) -> Tensor:
        """Topic weights (B, K) of new documents (B, V), by EM with the topics fixed: fitted to these very words."""
        bags = Bags(counts, "PLSA.fold_in")
        theta = torch.full((len(counts), self.topics), 1 / self.topics, dtype=torch.float64)
        for _ in range(iterations):
            theta = normalised(theta * (bags.ratio(theta @ self.topic_words) @ self.topic_words.T))
        return theta

    def predict(self, counts: Tensor) -> Tensor:
        """p(w given d), (B, V), for more words of documents of which these ``counts`` (B, V) are known."""
        return self.fold_in(counts) @ self.topic_words

    def log_prob(self, counts: Tensor, document_topics: Tensor | None = None) -> Tensor:
        r"""Log p of each document's words, one after the other, in nats, shape (B,).

        .. math:: \sum_w n_{dw} \log \sum_k \theta_{dk} \phi_{kw}

        ``document_topics`` (B, K) are the documents' weights, by default those of the documents of `fit`.
        """
        theta = self.document_topics if document_topics is None else document_topics
        return torch.special.xlogy(as_counts(counts, "PLSA.log_prob"), theta @ self.topic_words).sum(dim=1)

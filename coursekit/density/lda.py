"""Latent Dirichlet allocation: a prior on the topics and on each document's mixture of them; two ways to infer."""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.distributions import Dirichlet, kl_divergence

from coursekit.density.topics import Bags, as_counts, dirichlet, draw_documents, normalised


class LatentDirichletAllocation(nn.Module):
    r"""Each document mixes K topics; its mixture and the topics themselves are drawn from Dirichlet distributions.

    .. math:: \phi_k \sim \mathrm{Dirichlet}(\beta), \quad \theta_d \sim \mathrm{Dirichlet}(\alpha), \quad
              z_{di} \sim \theta_d, \quad w_{di} \sim \phi_{z_{di}}

    The posterior cannot be computed. `fit` approximates it, by variational inference or by collapsed Gibbs sampling,
    and both leave Dirichlet distributions of the topics and of each document's mixture.

    Source: Blei, Ng and Jordan (2003); Griffiths and Steyvers (2004).
    """

    topic_counts: Tensor
    """Parameters of the topics' Dirichlet distributions, (K, V), float64: beta, and the words that each topic has."""
    document_counts: Tensor
    """Parameters of the mixtures' Dirichlet distributions, (D, K), float64: alpha, and its words by topic."""

    def __init__(self, topics: int, *, alpha: float = 0.1, beta: float = 0.01) -> None:
        super().__init__()
        if not (alpha > 0 and beta > 0):
            raise ValueError(f"LatentDirichletAllocation: alpha and beta must be positive, were {alpha} and {beta}")
        self.topics, self.alpha, self.beta = topics, alpha, beta
        self.trace: list[float] = []
        """Of each iteration, in nats: the bound on log p(w) (variational), or log p(w, z) of the state (Gibbs)."""
        self.register_buffer("topic_counts", torch.empty(0))
        self.register_buffer("document_counts", torch.empty(0))

    def fit(
        self,
        counts: Tensor,
        *,
        method: Literal["variational", "gibbs"] = "variational",
        iterations: int = 100,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Infer topics and mixtures from ``counts`` (D, V). Returns the model itself.

        "variational" raises a bound on log p(w) by coordinate ascent, all documents at once. "gibbs" visits one word
        after the other, slowly, and keeps the state of its last sweep: states of different sweeps are
        not averaged, since a chain may swap topics on its way.

        Raises
        ------
        ValueError
            If ``counts`` is no matrix of counts, or ``method`` is neither of the two.
        """
        if method == "variational":
            self._ascend(Bags(counts, "LatentDirichletAllocation.fit"), iterations, generator)
        elif method == "gibbs":
            sampler = CollapsedGibbs(counts, self.topics, alpha=self.alpha, beta=self.beta, generator=generator)
            self.trace = []
            for _ in range(iterations):
                sampler.sweep()
                self.trace.append(sampler.log_joint())
            self.topic_counts = self.beta + sampler.topic_word_counts()
            self.document_counts = self.alpha + sampler.document_topic_counts()
        else:
            raise ValueError(f"LatentDirichletAllocation.fit: method must be 'variational' or 'gibbs', was {method!r}")
        return self

    def _ascend(self, bags: Bags, iterations: int, generator: torch.Generator | None) -> None:
        """Coordinate ascent: q(z) given q(theta) q(phi), then both given q(z), which is summed and never stored."""
        documents, words = bags.counts.shape
        gamma = (self.alpha + bags.counts.sum(dim=1, keepdim=True) / self.topics).expand(-1, self.topics)  # (D, K)
        noise = torch._standard_gamma(torch.full((self.topics, words), 100.0).double(), generator=generator) / 100
        lam = self.beta + noise * bags.counts.sum() / (self.topics * words)  # (K, V)
        self.trace = []
        for _ in range(iterations):
            theta, phi = exp_mean_log(gamma), exp_mean_log(lam)  # (D, K), (K, V)
            probs = theta @ phi  # (D, V)
            self.trace.append(bags.log_likelihood(probs) - self._distance(gamma, lam))
            ratio = bags.ratio(probs)
            gamma = self.alpha + theta * (ratio @ phi.T)
            lam = self.beta + phi * (theta.T @ ratio)
        self.document_counts, self.topic_counts = gamma, lam

    def _distance(self, gamma: Tensor, lam: Tensor) -> float:
        """KL divergence of q(theta) q(phi) from the prior, in nats."""
        far = torch.zeros((), dtype=torch.float64)
        for q, prior in ((gamma, self.alpha), (lam, self.beta)):
            p = Dirichlet(torch.full_like(q, prior), validate_args=False)
            far += kl_divergence(Dirichlet(q, validate_args=False), p).sum()
        return far.item()

    def bound(self, counts: Tensor, document_counts: Tensor | None = None) -> float:
        r"""The evidence lower bound on log p(w) of all documents (D, V), in nats, with theta, phi and z integrated out.

        .. math:: \sum_{dw} n_{dw} \log \sum_k e^{\mathbb{E}_q[\log \theta_{dk}] + \mathbb{E}_q[\log \phi_{kw}]}
                  - \mathrm{KL}(q(\theta, \phi) \,\Vert\, p(\theta, \phi))

        The bound is the same whatever the order of the words, and for q(z) the best one given q(theta) and q(phi).
        ``document_counts`` (D, K), by default that of `fit`, is what `infer` gives.
        """
        gamma = self.document_counts if document_counts is None else document_counts
        probs = exp_mean_log(gamma) @ exp_mean_log(self.topic_counts)  # (D, V); rows sum to less than one
        return Bags(counts, "bound").log_likelihood(probs) - self._distance(gamma, self.topic_counts)

    def infer(self, counts: Tensor, *, iterations: int = 100) -> Tensor:
        """Parameters (B, K) of the Dirichlet distributions of new documents' mixtures; the topics stay as they are."""
        bags = Bags(counts, "LatentDirichletAllocation.infer")
        phi = exp_mean_log(self.topic_counts)  # (K, V)
        gamma = (self.alpha + bags.counts.sum(dim=1, keepdim=True) / self.topics).expand(-1, self.topics)  # (B, K)
        for _ in range(iterations):
            theta = exp_mean_log(gamma)
            gamma = self.alpha + theta * (bags.ratio(theta @ phi) @ phi.T)
        return gamma

    @property
    def topic_words(self) -> Tensor:
        """The topics' mean distributions over words, (K, V)."""
        return normalised(self.topic_counts)

    @property
    def document_topics(self) -> Tensor:
        """The mean mixtures of the documents of `fit`, (D, K)."""
        return normalised(self.document_counts)

    def predict(self, counts: Tensor) -> Tensor:
        """p(w given d), (B, V), for one more word of documents of which these ``counts`` (B, V) are known."""
        return normalised(self.infer(counts)) @ self.topic_words

    def sample(self, n: int, length: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` documents of ``length`` words: counts (n, V), from topics drawn once from what is known of them."""
        topic_words = dirichlet(self.topic_counts, generator)
        return draw_documents(topic_words, self.alpha, n, length, generator=generator)[0]


def exp_mean_log(concentration: Tensor) -> Tensor:
    """exp(E[log p_k]) under a Dirichlet distribution, (..., K): the geometric mean, whose sum is below one."""
    return (concentration.digamma() - concentration.sum(dim=-1, keepdim=True).digamma()).exp()


def log_joint(document_topic: Tensor, topic_word: Tensor, alpha: float, beta: float) -> Tensor:
    r"""log p(w, z) in nats, (...), theta and phi integrated out, from counts (..., D, K) and (..., K, V).

    .. math:: p(w, z) = \prod_d \frac{B(n_{d\cdot} + \alpha)}{B(\alpha)} \prod_k \frac{B(n_{k\cdot} + \beta)}{B(\beta)},
              \qquad B(a) = \frac{\prod_j \Gamma(a_j)}{\Gamma(\sum_j a_j)}

    Source: Griffiths and Steyvers (2004), equations 2 and 3.
    """
    return _log_share(document_topic, alpha).sum(dim=-1) + _log_share(topic_word, beta).sum(dim=-1)


def _log_share(counts: Tensor, prior: float) -> Tensor:
    """Log of B(counts + prior) / B(prior) along the last dimension."""
    a = counts.double() + prior
    before = torch.full_like(a, prior)
    grown = a.lgamma().sum(dim=-1) - a.sum(dim=-1).lgamma()
    return grown - before.lgamma().sum(dim=-1) + before.sum(dim=-1).lgamma()


class CollapsedGibbs:
    r"""The topic of each word, redrawn one after the other given all others; theta and phi are integrated out.

    .. math:: p(z_i = k \mid z_{-i}, w) \propto (n_{dk} + \alpha) \, \frac{n_{kw} + \beta}{n_k + V \beta}

    The counts leave out word i itself. Each step needs the result of the one before, so this is plain Python.

    Source: Griffiths and Steyvers (2004), equation 5.
    """

    def __init__(
        self, counts: Tensor, topics: int, *, alpha: float, beta: float, generator: torch.Generator | None = None
    ) -> None:
        """Topics at random for the words of ``counts`` (D, V)."""
        counts = as_counts(counts, "CollapsedGibbs").long()
        documents, words = counts.shape
        pairs = counts.nonzero().repeat_interleave(counts[counts > 0], dim=0)  # (N, 2), a row for each occurrence
        self.documents: list[int] = pairs[:, 0].tolist()
        self.words: list[int] = pairs[:, 1].tolist()
        self.topics: list[int] = torch.randint(topics, (len(pairs),), generator=generator).tolist()
        self.alpha, self.beta, self.beta_sum = alpha, beta, beta * words
        self.generator = generator
        self.document_topic = [[0] * topics for _ in range(documents)]
        self.word_topic = [[0] * topics for _ in range(words)]
        self.topic = [0] * topics
        for i, k in enumerate(self.topics):
            self._count(i, k, 1)

    def _count(self, i: int, k: int, change: int) -> None:
        """Put word i into the counts of topic k, or take it out."""
        self.document_topic[self.documents[i]][k] += change
        self.word_topic[self.words[i]][k] += change
        self.topic[k] += change

    def _weights(self, i: int) -> list[float]:
        """The right side of the rule for each topic, from counts that word i has been taken out of."""
        a, b, b_sum = self.alpha, self.beta, self.beta_sum
        counts = zip(self.document_topic[self.documents[i]], self.word_topic[self.words[i]], self.topic, strict=True)
        return [(m + a) * (n + b) / (t + b_sum) for m, n, t in counts]

    def conditional(self, i: int) -> Tensor:
        """p(z_i given all other topics and the words), shape (K,)."""
        self._count(i, self.topics[i], -1)
        weights = self._weights(i)
        self._count(i, self.topics[i], 1)
        return normalised(torch.tensor(weights, dtype=torch.float64))

    def sweep(self) -> None:
        """Redraw the topic of every word, once."""
        uniform = torch.rand(len(self.words), dtype=torch.float64, generator=self.generator).tolist()
        for i, u in enumerate(uniform):
            self._count(i, self.topics[i], -1)
            edges = list(accumulate(self._weights(i)))
            k = min(bisect(edges, u * edges[-1]), len(edges) - 1)
            self.topics[i] = k
            self._count(i, k, 1)

    def log_joint(self) -> float:
        """log p(w, z) of the present state, in nats."""
        return log_joint(self.document_topic_counts(), self.topic_word_counts(), self.alpha, self.beta).item()

    def document_topic_counts(self) -> Tensor:
        """How many words of each document have each topic, (D, K), float64."""
        return torch.tensor(self.document_topic, dtype=torch.float64)

    def topic_word_counts(self) -> Tensor:
        """How often each word has each topic, (K, V), float64."""
        return torch.tensor(self.word_topic, dtype=torch.float64).T.contiguous()

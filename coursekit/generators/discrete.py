"""Draws of a category, and gradients through them: Gumbel-max, its relaxation, straight-through, the score function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

OneHotFunction = Callable[[Tensor], Tensor]
"""A function of one-hot vectors, or of points on the simplex: from (*batch, K) to (*batch,)."""


def gumbel(shape: Sequence[int], *, generator: torch.Generator | None = None, like: Tensor | None = None) -> Tensor:
    r"""Standard Gumbel noise of the given shape, :math:`-\log(-\log u)` for u uniform; type and device of ``like``.

    The mean is Euler's constant, 0.577, the variance pi^2 / 6. The exponential variable -log u is drawn as such, so
    that no uniform number that was rounded to 0 or 1 gives an infinity.
    """
    empty = torch.empty(shape) if like is None else like.new_empty(shape)
    smallest = torch.finfo(empty.dtype).tiny
    return -empty.exponential_(generator=generator).clamp(min=smallest).log()


def gumbel_max(logits: Tensor, sample_shape: Sequence[int] = (), *, generator: torch.Generator | None = None) -> Tensor:
    r"""Categories drawn from softmax(logits) by :math:`\arg\max_k (a_k + g_k)`, with g Gumbel noise.

    ``logits`` (\*batch, K) need not be normalised. Returns one-hot vectors, (\*sample_shape, \*batch, K), without
    gradients.

    Source: Gumbel (1954); Maddison, Tarlow and Minka (2014).
    """
    noise = gumbel([*sample_shape, *logits.shape], generator=generator, like=logits)
    return one_hot(logits.detach() + noise)


def one_hot(scores: Tensor) -> Tensor:
    """1 where the last dimension is largest and 0 elsewhere, of the same shape, without gradients."""
    return torch.zeros_like(scores).scatter_(-1, scores.argmax(dim=-1, keepdim=True), 1.0).detach()


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The value of ``hard`` with the gradient of ``soft``, both of the same shape.

    Source: Bengio, Leonard and Courville (2013), who credit a lecture of Hinton's.
    """
    return hard.detach() + soft - soft.detach()


class GumbelSoftmax(Distribution):
    r"""A relaxed one-hot vector: points inside the simplex that crowd into its corners as the temperature falls.

    .. math:: & y = \operatorname{softmax}\big((a + g) / \tau\big), \qquad \pi = \operatorname{softmax}(a), \\
        & p(y) = (K - 1)!\; \tau^{K - 1} \frac{\prod_k \pi_k\, y_k^{-\tau - 1}}{\big(\sum_k \pi_k\, y_k^{-\tau}\big)^K}

    The density is with respect to the first K - 1 entries of y. The largest entry is in place k with the probability
    pi_k at every temperature. ``logits`` a: (\*batch, K), not necessarily normalised. ``temperature`` tau: a positive
    number.

    Source: Jang, Gu and Poole (2017); Maddison, Mnih and Teh (2017), who call it the Concrete distribution.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, temperature: float, logits: Tensor) -> None:
        if not temperature > 0:
            raise ValueError(f"GumbelSoftmax: temperature must be positive, was {temperature}")
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)
        self.temperature = temperature
        self.logits = logits.log_softmax(dim=-1)  # (*batch, K)

    def rsample(
        self, sample_shape: Sequence[int] = (), *, hard: bool = False, generator: torch.Generator | None = None
    ) -> Tensor:
        r"""Points on the simplex, (\*sample_shape, \*batch, K); gradients flow to the logits.

        ``hard``: one-hot vectors, drawn exactly from softmax(logits), with the gradients of the points
        (straight-through Gumbel-softmax).
        """
        noise = gumbel([*sample_shape, *self.logits.shape], generator=generator, like=self.logits)
        soft = ((self.logits + noise) / self.temperature).softmax(dim=-1)  # (*sample_shape, *batch, K)
        return straight_through(one_hot(soft), soft) if hard else soft

    def sample(self, sample_shape: Sequence[int] = (), *, generator: torch.Generator | None = None) -> Tensor:
        r"""Points on the simplex, (\*sample_shape, \*batch, K), without gradients."""
        with torch.no_grad():
            return self.rsample(sample_shape, generator=generator)

    def log_prob(self, value: Tensor) -> Tensor:
        r"""The log density in nats, (\*batch,), at points y (\*batch, K) inside the simplex."""
        categories = value.shape[-1]
        log_y = value.log()
        scores = self.logits - self.temperature * log_y  # (*batch, K)
        constant = math.lgamma(categories) + (categories - 1) * math.log(self.temperature)
        return constant + (scores - log_y).sum(dim=-1) - categories * scores.logsumexp(dim=-1)


def exact_gradient(f: OneHotFunction, logits: Tensor) -> Tensor:
    r"""The gradient of E[f(y)] in the logits (K,), y one-hot from softmax(logits), by summing over all K: shape (K,).

    .. math:: \frac{\partial}{\partial a_j} \sum_k \pi_k f(e_k) = \pi_j \big(f(e_j) - \mathbb{E}[f]\big)
    """
    logits = logits.detach()
    values, probabilities = f(torch.eye(len(logits)).to(logits)), logits.softmax(dim=0)  # (K,), (K,)
    return probabilities * (values - (probabilities * values).sum())


def score_function_gradient(
    f: OneHotFunction,
    logits: Tensor,
    samples: int,
    *,
    baseline: float | Tensor = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Single-draw estimates of the gradient of E[f(y)] in the logits (K,): shape (S, K), unbiased.

    .. math:: (f(y) - b)\, \nabla_a \log p(y) = (f(y) - b)\, (y - \pi)

    ``baseline`` b must not depend on the draw. ``f`` is only evaluated, never differentiated.

    Source: Williams (1992), who calls it REINFORCE.
    """
    logits = logits.detach()
    y = gumbel_max(logits, (samples,), generator=generator)  # (S, K)
    return (f(y) - baseline).unsqueeze(-1) * (y - logits.softmax(dim=0))  # (S, K)


def leave_one_out_gradient(
    f: OneHotFunction, logits: Tensor, samples: int, draws: int, *, generator: torch.Generator | None = None
) -> Tensor:
    r"""Estimates of the same gradient from ``draws`` draws each, every draw's baseline the mean of the others: (S, K).

    .. math:: \frac{1}{M} \sum_{m=1}^{M} \Big(f(y_m) - \frac{1}{M - 1} \sum_{l \neq m} f(y_l)\Big) (y_m - \pi)

    Unbiased, since each baseline is independent of its own draw.

    Source: Kool, van Hoof and Welling (2019); Salimans and Knowles (2014).
    """
    if draws < 2:
        raise ValueError(f"leave_one_out_gradient: draws must be at least 2, was {draws}")
    logits = logits.detach()
    y = gumbel_max(logits, (samples, draws), generator=generator)  # (S, M, K)
    advantage = leave_one_out(f(y))  # (S, M)
    return (advantage.unsqueeze(-1) * (y - logits.softmax(dim=0))).mean(dim=1)  # (S, K)


def leave_one_out(values: Tensor) -> Tensor:
    r"""Each value minus the mean of the others along the last dimension, (\*batch, M)."""
    draws = values.shape[-1]
    return (values - values.mean(dim=-1, keepdim=True)) * draws / (draws - 1)


def relaxed_gradient(
    f: OneHotFunction,
    logits: Tensor,
    temperature: float,
    samples: int,
    *,
    hard: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Single-draw gradients of f through Gumbel-softmax in the logits (K,): shape (S, K), biased.

    ``f`` must be differentiable and is evaluated at points inside the simplex, or at one-hot vectors if ``hard``
    (straight-through); then only its slope there is used.

    Source: Jang, Gu and Poole (2017).
    """
    copies = logits.detach().expand(samples, -1).clone().requires_grad_()  # (S, K): a set of logits for each draw
    y = GumbelSoftmax(temperature, copies).rsample(hard=hard, generator=generator)  # (S, K)
    (gradient,) = torch.autograd.grad(f(y).sum(), copies)
    return gradient  # (S, K)

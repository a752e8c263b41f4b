"""Divergences between two distributions given by their log-probabilities, state by state or on a grid."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def kl_divergence(log_p: Tensor, log_q: Tensor, cell: float = 1.0) -> Tensor:
    r"""KL(P || Q) in nats, shape (...), from log-probabilities of shape (..., S) over the same S states.

    .. math:: \mathrm{KL}(p \,\Vert\, q) = \sum_x p(x) \, [\log p(x) - \log q(x)]

    For densities on a grid, ``cell`` is the length (or area) of one of its cells: the sum is then a quadrature.
    A state that P never visits (log p = -inf) adds nothing; one that only P visits makes the divergence infinite.

    Source: Kullback and Leibler (1951).
    """
    log_ratio = torch.where(log_p.isneginf(), 0.0, log_p - log_q)  # (..., S); in place of -inf - log q
    return (log_p.exp() * log_ratio).sum(dim=-1) * cell


def jensen_shannon(log_p: Tensor, log_q: Tensor, cell: float = 1.0) -> Tensor:
    r"""Jensen-Shannon divergence in nats, shape (...), between 0 and log 2; arguments as in `kl_divergence`.

    .. math:: \mathrm{JS}(p, q) = \tfrac12 \mathrm{KL}(p \,\Vert\, m) + \tfrac12 \mathrm{KL}(q \,\Vert\, m),
              \qquad m = \tfrac12 (p + q)

    Source: Lin (1991).
    """
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)  # (..., S)
    return (kl_divergence(log_p, log_m, cell) + kl_divergence(log_q, log_m, cell)) / 2

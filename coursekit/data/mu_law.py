"""Mu-law companding: 256 levels for sound, fine where it is quiet and coarse where it is loud."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def mu_law(wave: Tensor, levels: int = 256) -> Tensor:
    r"""A wave with values in [-1, 1] as levels 0, 1/(levels - 1), ..., 1; same shape.

    .. math:: F(w) = \operatorname{sign}(w) \, \frac{\ln(1 + \mu |w|)}{\ln(1 + \mu)}, \qquad \mu = \mathrm{levels} - 1

    is rounded to the nearest of as many equal steps from -1 to 1, and shifted into [0, 1], where `WaveNet` wants it.

    Raises
    ------
    ValueError
        If the wave leaves [-1, 1].

    Source: ITU-T G.711, its curve; van den Oord et al. (2016), section 2.2.
    """
    if not wave.is_meta and not (wave.abs() <= 1).all():
        raise ValueError(f"mu_law: the wave must lie in [-1, 1], reached {wave.abs().max().item():.3g}")
    mu = levels - 1
    compressed = wave.sign() * torch.log1p(mu * wave.abs()) / math.log1p(mu)  # in [-1, 1]
    return ((compressed + 1) / 2 * mu).round() / mu


def from_mu_law(x: Tensor, levels: int = 256) -> Tensor:
    """The wave in [-1, 1] whose levels ``x`` in [0, 1] are: the inverse of `mu_law` but for its rounding."""
    mu = levels - 1
    compressed = 2 * x - 1
    return compressed.sign() * torch.expm1(compressed.abs() * math.log1p(mu)) / mu

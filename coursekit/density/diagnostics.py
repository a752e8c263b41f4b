"""How good the draws of Markov chains are: autocorrelation, effective sample size, R-hat."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def autocorrelation(draws: Tensor) -> Tensor:
    """Autocorrelation of the draws (N, C, ...) at lags 0 to N - 1, (N, C, ...), each chain around its own mean."""
    covariance = _autocovariance(draws)  # (N, C, ...)
    return (covariance / covariance[:1]).to(draws.dtype)


def effective_sample_size(draws: Tensor) -> Tensor:
    r"""How many independent draws would give the mean of ``draws`` (N, C, ...) as exactly; shape (...).

    .. math:: \mathrm{ESS} = \frac{C N}{\tau}, \qquad \tau = 1 + 2 \sum_{k \geq 1} \rho_k

    The chains are split in halves. The autocorrelations are those around the mean of all chains, so chains that
    disagree count for little. Two neighbours of the sum are taken together, made to fall, and the sum ends where they
    are no longer positive (Geyer, 1992): beyond, there is noise only. Never more than C N log10(C N). Not a number
    where all draws are equal.

    Source: Vehtari et al. (2021), equations 10 to 13.
    """
    halves = _halves(draws)  # (N', C', ...)
    n, total = len(halves), halves.shape[0] * halves.shape[1]
    covariance = _autocovariance(halves)  # (N', C', ...)
    within = covariance[0].mean(dim=0) * n / (n - 1)  # (...)
    both = within * (n - 1) / n + halves.mean(dim=0).var(dim=0)  # (...)
    correlation = 1 - (within - covariance.mean(dim=1) * n / (n - 1)) / both  # (N', ...)
    correlation[0] = 1.0
    pairs = correlation[: n // 2 * 2].unflatten(0, (-1, 2)).sum(dim=1)  # (N' / 2, ...)
    kept = (pairs > 0).long().cumprod(dim=0)  # (N' / 2, ...): one up to the first that is not positive, then zero
    tau = 2 * (pairs.cummin(dim=0).values * kept).sum(dim=0) - 1  # (...)
    return (total / tau.clamp(min=1 / math.log10(total))).to(draws.dtype)


def split_r_hat(draws: Tensor) -> Tensor:
    r"""How much wider all chains together are than each of their halves; ``draws`` (N, C, ...), shape (...).

    .. math:: \hat R = \sqrt{\frac{N' - 1}{N'} + \frac{\mathrm{Var}(\text{means of the halves})}
              {\mathrm{mean}(\text{variances of the halves})}}

    Near one, if the chains agree. N' is the length of a half. Source: Gelman et al. (2013), section 11.4.
    """
    halves = _halves(draws)  # (N', C', ...)
    n = len(halves)
    within, between = halves.var(dim=0).mean(dim=0), halves.mean(dim=0).var(dim=0)  # (...)
    return ((n - 1) / n + between / within).sqrt().to(draws.dtype)


def r_hat(draws: Tensor) -> Tensor:
    """`split_r_hat` of ranks, for ``draws`` (N, C, ...), shape (...): it works for heavy tails, and sees widths.

    Each draw is replaced by the normal quantile of its rank among all draws. The same is done with the distances from
    the median, which tells chains of different widths apart. The larger of both values is returned.

    Source: Vehtari et al. (2021).
    """
    folded = (draws - draws.flatten(0, 1).median(dim=0).values).abs()  # (N, C, ...)
    return torch.maximum(split_r_hat(_normal_scores(draws)), split_r_hat(_normal_scores(folded)))


def _halves(draws: Tensor) -> Tensor:
    """The halves of each chain as chains of their own, (N // 2, 2 C, ...), in float64; a middle draw is left out."""
    if draws.ndim < 2 or len(draws) < 4:
        raise ValueError(f"draws has shape {tuple(draws.shape)} and must have shape (N, C, ...) with N at least 4")
    half = len(draws) // 2
    return torch.cat([draws[:half], draws[len(draws) - half :]], dim=1).double()


def _autocovariance(draws: Tensor) -> Tensor:
    """Autocovariance at lags 0 to N - 1 of ``draws`` (N, C, ...), divided by N, in float64, by Fourier transform."""
    n = len(draws)
    centred = draws.double() - draws.double().mean(dim=0)  # (N, C, ...)
    spectrum = torch.fft.rfft(centred, n=2 * n, dim=0).abs().square()  # (N + 1, C, ...); zeros keep the ends apart
    return torch.fft.irfft(spectrum, n=2 * n, dim=0)[:n] / n


def _normal_scores(draws: Tensor) -> Tensor:
    """The normal quantile of each draw's rank among all N C; equal draws share their mean rank."""
    flat = draws.flatten(0, 1).double().movedim(0, -1).contiguous()  # (..., N C)
    ordered = flat.sort(dim=-1).values
    below, up_to = torch.searchsorted(ordered, flat), torch.searchsorted(ordered, flat, right=True)  # (..., N C)
    rank = (below + 1 + up_to) / 2
    scores = torch.special.ndtri((rank - 3 / 8) / (flat.shape[-1] + 1 / 4))
    return scores.movedim(-1, 0).reshape(draws.shape)

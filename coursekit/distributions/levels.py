"""Values that take one of a few levels: images whose pixels are 0, 1/(levels - 1), ..., 1."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy


def check_levels(levels: int) -> int:
    """``levels``, if it is one of 2, ..., 256; a ValueError if not."""
    if not 2 <= levels <= 256:
        raise ValueError(f"levels must be between 2 and 256, was {levels}")
    return levels


def level_of(x: Tensor, levels: int) -> Tensor:
    """The level k of each value x = k/(levels - 1), int64, same shape as ``x``.

    Raises
    ------
    ValueError
        If a value is none of the levels.
    """
    return _nearest_level(x, levels).long()


def _nearest_level(x: Tensor, levels: int) -> Tensor:
    """`level_of` in the dtype of x."""
    scaled = x * (levels - 1)
    level = scaled.round()
    if x.is_meta or x.numel() == 0:
        return level
    low, high = x.aminmax()
    fits = (scaled - level).abs().amax() < 1e-3 and low > -1e-3 and high < 1 + 1e-3  # not so for NaN
    if not fits:
        advice = "binarise the images (ck.data.mnist(binarise='dynamic')) or give more levels" if levels == 2 else ""
        raise ValueError(
            f"x must hold {levels} levels, 0, 1/{levels - 1}, ..., 1, but has other values between "
            f"{low.item():.3g} and {high.item():.3g}; {advice or '(x * (levels - 1)).round() / (levels - 1)'}"
        )
    return level


def log_prob_of(x: Tensor, logits: Tensor, levels: int) -> Tensor:
    r"""Log-probability of each value of ``x`` in nats, same shape as ``x``.

    ``logits``: of the value 1 if ``levels`` is 2, same shape as ``x``; else one for each level, (\*shape, levels).
    """
    level = _nearest_level(x, levels)
    logits = logits if logits.dtype == x.dtype else logits.to(x.dtype)  # sums of many terms do not bear bfloat16
    if levels == 2:
        return -binary_cross_entropy_with_logits(logits, level, reduction="none")
    return -cross_entropy(logits.flatten(0, -2), level.long().flatten(), reduction="none").view(x.shape)


def edges_of(logits: Tensor) -> Tensor:
    r"""The cumulative probabilities P(level <= k), of all levels but the last, whose is one.

    ``logits`` of all levels, (\*shape, levels), give (\*shape, levels - 1). A single one, (\*shape, 1), is that of the
    higher of two levels, and gives (\*shape, 1).
    """
    if logits.shape[-1] == 1:
        return (-logits).sigmoid()
    return logits.softmax(dim=-1).cumsum(dim=-1)[..., :-1]


def draw_level(edges: Tensor, uniform: Tensor) -> Tensor:
    r"""The level on which a uniform number in [0, 1) falls, int64, (\*shape): the cumulative function inverted."""
    return (uniform.unsqueeze(-1) >= edges).sum(dim=-1)  # (*shape)

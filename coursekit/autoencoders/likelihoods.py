"""Likelihoods: what a decoder's raw output says about the data, as a distribution."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from coursekit.distributions import DiagonalBernoulli, DiagonalGaussian


class BernoulliLikelihood(nn.Module):
    """Binary pixels: the decoder's output are their logits. For images of zeros and ones only."""

    def forward(self, output: Tensor, event_dims: int) -> DiagonalBernoulli:
        """p(x given z) over the last ``event_dims`` dimensions of ``output``."""
        return DiagonalBernoulli(logits=output, event_dims=event_dims)


class GaussianLikelihood(nn.Module):
    """Real-valued pixels: the decoder's output is their mean; one standard deviation is shared by all of them.

    ``scale`` fixes the standard deviation. Without it, it is learnt with the other weights (Rybkin, Daniilidis and
    Levine, 2021), and never below 1/256: data stored in 8 bits knows no finer distance, and without a floor a pixel
    that is always black would make the likelihood infinite.
    """

    smallest_scale = 1 / 256

    def __init__(self, scale: float | None = None) -> None:
        super().__init__()
        if scale is not None and scale <= 0:
            raise ValueError(f"GaussianLikelihood: scale must be positive, was {scale}")
        log_scale = torch.tensor(math.log(0.25 if scale is None else scale))
        self.log_scale = nn.Parameter(log_scale, requires_grad=scale is None)

    @property
    def scale(self) -> Tensor:
        """The standard deviation of a pixel, a scalar."""
        if self.log_scale.requires_grad:
            return self.log_scale.clamp(min=math.log(self.smallest_scale)).exp()
        return self.log_scale.exp()

    def forward(self, output: Tensor, event_dims: int) -> DiagonalGaussian:
        """p(x given z) over the last ``event_dims`` dimensions of ``output``."""
        return DiagonalGaussian(output, self.scale.expand_as(output), event_dims)

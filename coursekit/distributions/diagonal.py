"""Distributions with independent dimensions that draw from a generator of the caller's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal

Shape = torch.Size | list[int] | tuple[int, ...]


class DiagonalGaussian(Independent):
    r"""Gaussian with a diagonal covariance: ``log_prob`` sums over the last ``event_dims`` dimensions.

    .. math:: \log p(x) = -\tfrac12 \sum_d \Big[ \Big(\frac{x_d - \mu_d}{\sigma_d}\Big)^2
              + 2 \log \sigma_d + \log 2\pi \Big]

    ``mean`` and ``scale`` (standard deviations, positive) have the same shape, (\*batch, \*event).
    ``kl_divergence`` between two of them is exact.
    """

    def __init__(self, mean: Tensor, scale: Tensor, event_dims: int = 1) -> None:
        super().__init__(Normal(mean, scale, validate_args=False), event_dims, validate_args=False)
        self.scale = scale

    def rsample(self, sample_shape: Shape = (), *, generator: torch.Generator | None = None) -> Tensor:
        """Mean + scale * noise, shape (*sample_shape, *batch, *event); gradients flow to mean and scale."""
        shape = torch.Size(sample_shape) + self.mean.shape
        noise = torch.randn(shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + self.scale * noise  # (*sample_shape, *batch, *event)

    def sample(self, sample_shape: Shape = (), *, generator: torch.Generator | None = None) -> Tensor:
        """A draw of the same shape as `rsample`'s, without gradients."""
        with torch.no_grad():
            return self.rsample(sample_shape, generator=generator)

    def expand(self, batch_shape: Shape, _instance: object = None) -> DiagonalGaussian:
        """The same distribution over a larger batch."""
        shape = torch.Size(batch_shape) + self.event_shape
        return DiagonalGaussian(self.mean.expand(shape), self.scale.expand(shape), len(self.event_shape))


class DiagonalBernoulli(Independent):
    r"""Independent binary dimensions given by their logits, (\*batch, \*event); 0 or 1 each.

    .. math:: \log p(x) = \sum_d x_d \log \sigma(a_d) + (1 - x_d) \log(1 - \sigma(a_d))

    ``log_prob`` refuses grey values: the cross entropy of a grey pixel is no log-probability (its exponential does not
    integrate to one), so a "likelihood" of grey images under this distribution would be one in name only.
    """

    def __init__(self, logits: Tensor, event_dims: int = 1) -> None:
        super().__init__(Bernoulli(logits=logits, validate_args=False), event_dims, validate_args=False)
        self.logits = logits

    def log_prob(self, value: Tensor) -> Tensor:
        """Log p(value) in nats, shape (*batch,).

        Raises
        ------
        ValueError
            If a value is neither 0 nor 1.
        """
        if not value.is_meta and not ((value == 0) | (value == 1)).all():
            raise ValueError(
                "DiagonalBernoulli.log_prob: value must be binary (0 or 1), but has grey values between "
                f"{value.min().item():.3g} and {value.max().item():.3g}; binarise the images "
                "(ck.data.mnist(binarise='dynamic')) or choose a Gaussian likelihood"
            )
        return super().log_prob(value)

    def sample(self, sample_shape: Shape = (), *, generator: torch.Generator | None = None) -> Tensor:
        """0/1 draws, shape (*sample_shape, *batch, *event)."""
        shape = torch.Size(sample_shape) + self.logits.shape
        uniform = torch.rand(shape, generator=generator, device=self.logits.device, dtype=self.logits.dtype)
        return (uniform < self.logits.detach().sigmoid()).to(self.logits.dtype)  # (*sample_shape, *batch, *event)

    def expand(self, batch_shape: Shape, _instance: object = None) -> DiagonalBernoulli:
        """The same distribution over a larger batch."""
        shape = torch.Size(batch_shape) + self.event_shape
        return DiagonalBernoulli(self.logits.expand(shape), len(self.event_shape))

"""The variational autoencoder."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import kl_divergence

from coursekit.autoencoders.likelihoods import BernoulliLikelihood
from coursekit.autoencoders.networks import DenseDecoder, DenseEncoder, flatten_batch
from coursekit.distributions import DiagonalBernoulli, DiagonalGaussian
from coursekit.training.model import LatentVariable


class VAE(LatentVariable):
    r"""Variational autoencoder with a standard normal prior and a diagonal Gaussian posterior.

    .. math:: \log p_\theta(x) \;\ge\; \mathbb{E}_{q_\phi(z|x)} \log p_\theta(x|z)
              - \mathrm{KL}\big(q_\phi(z|x) \,\Vert\, p(z)\big)

    ``encoder`` maps x to the mean and the log-variance of q, (B, 2 L); ``decoder`` maps z to what ``likelihood`` needs.
    The default is the usual dense network, 784-400-L-400-784, for binary images. ``beta`` weighs the KL term in `loss`
    and there alone: `elbo` is the bound itself.

    Source: Kingma and Welling (2014); ``beta``: Higgins et al. (2017).
    """

    prior_mean: Tensor
    prior_scale: Tensor

    def __init__(
        self,
        latent_size: int,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        likelihood: nn.Module | None = None,
        beta: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder if encoder is not None else DenseEncoder(2 * latent_size)
        self.decoder = decoder if decoder is not None else DenseDecoder(latent_size)
        self.likelihood = likelihood if likelihood is not None else BernoulliLikelihood()
        self.beta = beta
        self.register_buffer("prior_mean", torch.zeros(latent_size))
        self.register_buffer("prior_scale", torch.ones(latent_size))

    @property
    def prior(self) -> DiagonalGaussian:
        """p(z): batch (), event (L,)."""
        return DiagonalGaussian(self.prior_mean, self.prior_scale)

    def encode(self, x: Tensor) -> DiagonalGaussian:
        """q(z given x): batch (B,), event (L,)."""
        mean, log_variance = self.encoder(x).chunk(2, dim=-1)  # (B, L) each
        return DiagonalGaussian(mean, (0.5 * log_variance).exp())

    def decode(self, z: Tensor) -> DiagonalBernoulli | DiagonalGaussian:
        """p(x given z) for z of shape (*batch, L): batch (*batch,), event the shape of one x."""
        output = flatten_batch(self.decoder, z)  # (*batch, *event)
        return self.likelihood(output, event_dims=output.dim() - (z.dim() - 1))

    def elbo_terms(
        self, x: Tensor, samples: int = 1, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """E_q log p(x given z), estimated from ``samples`` draws of q, and KL(q, prior), exact; in nats, (B,) each."""
        q = self.encode(x)
        z = q.rsample((samples,), generator=generator)  # (S, B, L)
        expected_log_likelihood = self.decode(z).log_prob(x).mean(0)  # (B,)
        return expected_log_likelihood, kl_divergence(q, self.prior)  # (B,), (B,)

    def elbo(self, x: Tensor, samples: int = 1, *, generator: torch.Generator | None = None) -> Tensor:
        """An unbiased estimate of the evidence lower bound on log p(x), in nats, shape (B,)."""
        expected_log_likelihood, kl = self.elbo_terms(x, samples, generator=generator)
        return expected_log_likelihood - kl

    def loss(self, batch: Tensor) -> Tensor:
        """-E_q log p(x given z) + beta KL(q, prior), in nats per example."""
        expected_log_likelihood, kl = self.elbo_terms(batch)
        return (self.beta * kl - expected_log_likelihood).mean()

    def importance_log_prob(self, x: Tensor, samples: int, *, generator: torch.Generator | None = None) -> Tensor:
        r"""The importance-weighted bound on log p(x), in nats, shape (B,); it tightens as ``samples`` grows.

        .. math:: \log \frac1S \sum_{s=1}^S \frac{p(x|z_s)\, p(z_s)}{q(z_s|x)}, \qquad z_s \sim q(z|x)

        Source: Burda, Grosse and Salakhutdinov (2016), equation 8.
        """
        q = self.encode(x)
        log_weights = []
        for chunk in torch.arange(samples).split(50):  # 50 at a time bound the memory
            z = q.rsample((len(chunk),), generator=generator)  # (S, B, L)
            log_weights.append(self.decode(z).log_prob(x) + self.prior.log_prob(z) - q.log_prob(z))  # (S, B)
        return torch.cat(log_weights).logsumexp(0) - math.log(samples)  # (B,)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws from p(x), shape (n, *event): z from the prior, then x from p(x given z).

        A picture of ``decode(z).mean`` looks smoother, but is no sample of the model.
        """
        z = self.prior.sample((n,), generator=generator)  # (n, L)
        x = self.decode(z)
        return x.sample(generator=generator)  # (n, *event)

    @torch.no_grad()
    def active_units(self, x: Tensor, threshold: float = 0.01) -> Tensor:
        """Which latent dimensions say anything about x, boolean, shape (L,).

        A dimension is active if its posterior mean varies over the rows of ``x`` with a variance above ``threshold``.

        Source: Burda, Grosse and Salakhutdinov (2016), section 5.2.
        """
        return self.encode(x).mean.var(0) > threshold  # (L,)

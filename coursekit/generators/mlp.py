"""A generator network: noise through a perceptron, to a sample or to a distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from coursekit.distributions import DiagonalBernoulli, DiagonalGaussian
from coursekit.training.model import Model

Output = Literal["sample", "bernoulli", "gaussian"]


class MLPGenerator(Model):
    r"""Noise z ~ N(0, I) of ``latents`` entries through a multilayer perceptron g.

    ``output`` says what g(z) is.

    - ``"sample"``: the x itself. There is no density to evaluate, so `loss` is the energy distance between the batch
      and as many fresh samples.
    - ``"bernoulli"``: the logits of a Bernoulli distribution over each entry of x, which is 0 or 1.
    - ``"gaussian"``: mean and log standard deviation of a Gaussian over each entry of x.

    A distribution is what makes a likelihood,

    .. math:: p(x) = \mathbb{E}_{z}\big[ p(x \mid z) \big] \approx \frac{1}{K} \sum_{k=1}^{K} p(x \mid z_k)

    Here the z_k are `nodes`, a fixed grid of ``points`` per latent that cuts the prior into cells of equal mass, and
    `loss` is the negative logarithm of the sum. Read it in one of two ways: as quadrature for the model with continuous
    z, good once the posterior is wider than the cells, or as the exact likelihood of a model whose z is one of the K
    nodes, each as likely. The number of nodes grows as points to the power of latents, so this is for one or two.

    Source: Goodfellow, Bengio and Courville (2016), section 20.10.2; the grid is that of Bishop, Svensen and Williams
    (1998), the generative topographic mapping.
    """

    def __init__(
        self,
        latents: int,
        event_shape: Sequence[int],
        output: Output = "sample",
        *,
        hidden: Sequence[int] = (64, 64),
        points: int = 20,
    ) -> None:
        if output not in ("sample", "bernoulli", "gaussian"):
            raise ValueError(f"MLPGenerator: output must be 'sample', 'bernoulli' or 'gaussian', was {output!r}")
        super().__init__()
        self.latents, self.event_shape, self.output, self.points = latents, tuple(event_shape), output, points
        self.parts = 2 if output == "gaussian" else 1
        widths = [latents, *hidden]
        layers: list[nn.Module] = []
        for inner, outer in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(inner, outer), nn.SiLU()]
        self.network = nn.Sequential(*layers, nn.Linear(widths[-1], self.parts * prod(self.event_shape)))

    def forward(self, z: Tensor) -> Tensor:
        """Samples, logits or means, (*batch, *event), for noise of shape (*batch, latents)."""
        return self._outputs(z)[0]

    def _outputs(self, z: Tensor) -> tuple[Tensor, ...]:
        """What the network gives, in parts of shape (*batch, *event)."""
        parts = self.network(z).chunk(self.parts, dim=-1)
        return tuple(part.reshape(*z.shape[:-1], *self.event_shape) for part in parts)

    def decode(self, z: Tensor) -> DiagonalBernoulli | DiagonalGaussian:
        """p(x given z) for z of shape (*batch, latents): batch (*batch,), event ``event_shape``.

        Raises
        ------
        TypeError
            If the generator's output is a sample.
        """
        if self.output == "sample":
            raise TypeError(
                "this MLPGenerator gives samples, and no density comes with them: build it with output='bernoulli' or "
                "output='gaussian' for one"
            )
        if self.output == "bernoulli":
            return DiagonalBernoulli(self(z), len(self.event_shape))
        mean, log_scale = self._outputs(z)
        return DiagonalGaussian(mean, log_scale.exp(), len(self.event_shape))

    def prior(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws of the noise, (n, latents)."""
        return torch.randn(n, self.latents, generator=generator, device=self.device)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws, (n, *event): z from the prior, then x, which is g(z) or drawn from p(x given z)."""
        z = self.prior(n, generator)  # (n, latents)
        return self(z) if self.output == "sample" else self.decode(z).sample(generator=generator)

    def jacobian(self, z: Tensor) -> Tensor:
        """The derivatives of the D entries of g(z) in z, by autograd: (B, D, latents) for z (B, latents)."""
        return vmap(jacrev(lambda one: self(one).flatten()))(z)

    def nodes(self, points: int | None = None) -> Tensor:
        """A grid in the middle, by mass, of ``points ** latents`` equally likely cells of the prior: (K, latents)."""
        points = self.points if points is None else points
        line = torch.special.ndtri((torch.arange(points, device=self.device) + 0.5) / points)  # (points,)
        return torch.cartesian_prod(*[line] * self.latents).reshape(-1, self.latents)  # (K, latents)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x given z) in nats of every x (B, *event) under every z (K, latents): shape (B, K)."""
        if self.output != "bernoulli":
            return self.decode(z).log_prob(x.unsqueeze(1))  # (B, K)
        if not ((x == 0) | (x == 1)).all():
            raise ValueError("MLPGenerator: a Bernoulli output needs x binary (0 or 1), but it has other values")
        logits = self(z).flatten(1)  # (K, D)
        return x.flatten(1) @ logits.T - nn.functional.softplus(logits).sum(dim=1)  # (B, K), one matrix product

    def log_prob(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """log of the mean of p(x given z) over the rows of ``z`` (K, latents), in nats, shape (B,).

        Default: the model's `nodes`. With draws of the prior it is the Monte Carlo estimate: its exponential is
        unbiased, and by Jensen's inequality the logarithm is too low on average.

        Raises
        ------
        TypeError
            If the generator's output is a sample.
        """
        z = self.nodes() if z is None else z
        return self.log_likelihood(x, z).logsumexp(dim=1) - math.log(len(z))

    def loss(self, batch: Tensor) -> Tensor:
        """The mean negative `log_prob` in nats, or the `energy_distance` of a generator of samples."""
        if self.output == "sample":
            return energy_distance(batch, self(self.prior(len(batch))))
        return -self.log_prob(batch).mean()


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    r"""How different two distributions are, estimated without bias from samples x (N, ...) and y (M, ...): a scalar.

    .. math:: \mathcal{E}(P, Q) = 2\, \mathbb{E}\lVert x - y \rVert - \mathbb{E}\lVert x - x' \rVert
              - \mathbb{E}\lVert y - y' \rVert

    x, x' are independent draws of P, and y, y' of Q. It is zero if P = Q and positive otherwise; the estimate may be
    below zero. It has the unit of x.

    Source: Szekely and Rizzo (2013).
    """
    x, y = x.flatten(1), y.flatten(1)  # (N, D), (M, D)
    return 2 * distances(x, y).mean() - _within(x) - _within(y)


def _within(x: Tensor) -> Tensor:
    """The mean distance of two different points of (N, D)."""
    pairs = distances(x, x).triu(diagonal=1)  # (N, N), each pair once
    return 2 * pairs.sum() / (len(x) * (len(x) - 1))


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances of all pairs of rows, (N, M), by one matrix product."""
    squares = x.square().sum(1).unsqueeze(1) + y.square().sum(1) - 2 * x @ y.T  # (N, M)
    return squares.clamp(min=1e-12).sqrt()  # the root has no slope at zero: stay above

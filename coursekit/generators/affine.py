"""The simplest generator network: one affine layer, which is a Gaussian."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from coursekit.training.model import ExplicitDensity


class AffineGenerator(ExplicitDensity):
    r"""Noise through one affine layer with a lower triangular matrix: a Gaussian with any mean and any covariance.

    .. math:: x = \mu + L z, \quad z \sim \mathcal{N}(0, I) \qquad \Longrightarrow \qquad
        x \sim \mathcal{N}(\mu,\, L L^\top)

    The diagonal of L is kept as a logarithm, so that it stays positive whatever an optimiser does, and L has an
    inverse. It starts at the mean zero and the covariance I. Train it by gradients with ``ck.fit``, or take the
    optimum at once by `fit`.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(dimensions))
        self.lower = nn.Parameter(torch.zeros(dimensions, dimensions))
        """Its entries below the diagonal are those of L; the others are not used."""
        self.log_diagonal = nn.Parameter(torch.zeros(dimensions))

    @property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor L, (D, D), lower triangular with a positive diagonal."""
        return self.lower.tril(-1) + self.log_diagonal.exp().diag()

    @property
    def covariance(self) -> Tensor:
        """L L^T, shape (D, D)."""
        return self.scale_tril @ self.scale_tril.T

    def forward(self, z: Tensor) -> Tensor:
        """Noise to data, x = mu + L z; both of shape (..., D)."""
        return self.mean + z @ self.scale_tril.T

    def inverse(self, x: Tensor) -> Tensor:
        """The one noise that gives x, by forward substitution; both of shape (..., D)."""
        rows = torch.linalg.solve_triangular(self.scale_tril, (x - self.mean).reshape(-1, x.shape[-1]).T, upper=False)
        return rows.T.reshape(x.shape)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, shape (B,), by the change of variables: log p(z) - log abs(det L)."""
        z = self.inverse(x)  # (B, D)
        log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=-1)  # (B,)
        return log_prior - self.log_diagonal.sum()

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws, shape (n, D)."""
        z = torch.randn(n, len(self.mean), generator=generator, device=self.device, dtype=self.mean.dtype)
        return self(z)

    @torch.no_grad()
    def fit(self, x: Tensor) -> AffineGenerator:
        """Maximum likelihood in closed form for points ``x`` (N, D): their mean, and their covariance divided by N.

        Computed in float64, kept in the type of the parameters. Returns the model itself.

        Raises
        ------
        ValueError
            If the points lie in a plane of fewer than D dimensions, as images do whose border is always black:
            there the likelihood has no bound.
        """
        if x.dim() != 2 or x.shape[1] != len(self.mean):
            raise ValueError(f"fit: x must have shape (N, {len(self.mean)}), had {tuple(x.shape)}")
        points = x.to(torch.float64)
        mean = points.mean(dim=0)  # (D,)
        covariance = (points - mean).T @ (points - mean) / len(points)  # (D, D)
        factor, failed = torch.linalg.cholesky_ex(covariance)
        smallest = torch.linalg.eigvalsh(covariance)[0].item()
        if failed.item() or smallest <= 1e-12 * covariance.diagonal().max().item():
            raise ValueError(
                f"fit: the covariance of x must have full rank, but its smallest eigenvalue is {smallest:.2g}; leave "
                "out what never changes, or add a little noise to the data"
            )
        self.mean.copy_(mean)
        self.lower.copy_(factor.tril(-1))
        self.log_diagonal.copy_(factor.diagonal().log())
        return self

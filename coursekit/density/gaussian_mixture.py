"""The mixture of Gaussians: a latent variable with K values, fitted by expectation-maximisation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.nn.functional import one_hot

from coursekit.density.k_means import k_means
from coursekit.training.model import ExplicitDensity

THINNEST = 1e-6
"""A part has collapsed when along some direction it has less than this share of the data's variance."""
RESTARTS = 10
"""How many collapsed parts a fit starts again before it gives up."""


class CollapseWarning(UserWarning):
    """A part of a mixture has collapsed onto a few points, and was started again elsewhere."""


class CollapseError(RuntimeError):
    """Parts of a mixture collapse again and again: there are too many of them for the data."""


class GaussianMixture(ExplicitDensity):
    r"""Mixture of K Gaussians, fitted by expectation-maximisation.

    .. math:: p(x) = \sum_{k=1}^{K} \pi_k \, \mathcal{N}(x;\, \mu_k,\, \Sigma_k), \quad \Sigma_k = L_k L_k^\top

    ``covariance`` says what the covariances may be: "full", one for each part; "diagonal", one for each part, without
    correlations; "tied", one for all parts.

    Everything is computed in float64, whatever comes in: float32 would spoil the third digit of a log-likelihood.
    Results are cast back to the type of the ``x`` that was given, samples to that of the data that was fitted.

    Source: Dempster, Laird and Rubin (1977); Bishop (2006), section 9.2.
    """

    log_weights: Tensor
    """The log pi_k, shape (K,)."""
    means: Tensor
    """The mu_k, shape (K, D)."""
    scale: Tensor
    """The Cholesky factors L_k, shape (K, D, D); if diagonal, the standard deviations, shape (K, D)."""

    def __init__(self, components: int, covariance: Literal["full", "diagonal", "tied"] = "full") -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"components is {components} and must be at least 1")
        if covariance not in ("full", "diagonal", "tied"):
            raise ValueError(f"covariance is {covariance!r} and must be 'full', 'diagonal' or 'tied'")
        self.components, self.covariance = components, covariance
        self.dtype = torch.float64
        for name in ("log_weights", "means", "scale"):
            self.register_buffer(name, torch.empty(0, dtype=torch.float64))
        self.history: list[float] = []
        """The mean log-likelihood of the data in nats per example, after each iteration of `fit`."""

    def given(self, weights: Tensor, means: Tensor, covariances: Tensor) -> Self:
        """This model with ``weights`` (K,), ``means`` (K, D) and ``covariances`` (K, D, D), instead of a fit.

        Raises
        ------
        ValueError
            If a shape is another one.
        torch.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        k, d = self.components, means.shape[-1]
        if (weights.shape, means.shape, covariances.shape) != ((k,), (k, d), (k, d, d)):
            shapes = tuple(weights.shape), tuple(means.shape), tuple(covariances.shape)
            raise ValueError(f"weights, means and covariances have shapes {shapes}, must have (K,), (K, D), (K, D, D)")
        scale = torch.linalg.cholesky(covariances.double())  # (K, D, D)
        if self.covariance == "diagonal":
            scale = scale.diagonal(dim1=1, dim2=2).contiguous()  # (K, D)
        return self._set(weights.double().log(), means.double(), scale, means.dtype)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.means.device

    @property
    def gaussians(self) -> Distribution:
        """The K parts as a batch of distributions: batch (K,), event (D,)."""
        if not len(self.means):
            raise RuntimeError("the mixture has no parameters yet: fit(x), or given(weights, means, covariances)")
        if self.covariance == "diagonal":
            return Independent(Normal(self.means, self.scale), 1)
        return MultivariateNormal(self.means, scale_tril=self.scale)

    def log_joint(self, x: Tensor) -> Tensor:
        """log p(x, k) in nats, shape (B, K), for points ``x`` of shape (B, D)."""
        gaussians = self.gaussians
        parts = [gaussians.log_prob(chunk.unsqueeze(1)) for chunk in x.double().split(4096)]  # (C, K) each
        return (self.log_weights + torch.cat(parts)).to(x.dtype)  # (B, K)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, shape (B,)."""
        return self.log_joint(x.double()).logsumexp(dim=-1).to(x.dtype)

    def responsibilities(self, x: Tensor) -> Tensor:
        """The E-step: p(k given x), shape (B, K); each row sums to one."""
        return self.log_joint(x.double()).softmax(dim=-1).to(x.dtype)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws, shape (n, D), by ancestral sampling: first the part of each, then a point of that part."""
        k = torch.multinomial(self.log_weights.exp(), n, replacement=True, generator=generator)  # (n,)
        noise = torch.randn(n, self.means.shape[1], generator=generator, device=k.device, dtype=torch.float64)  # (n, D)
        x = torch.empty_like(noise)  # (n, D)
        for part, (mean, scale) in enumerate(zip(self.means, self.scale, strict=True)):
            own = noise[k == part]  # (n_k, D)
            x[k == part] = mean + (own * scale if self.covariance == "diagonal" else own @ scale.T)
        return x.to(self.dtype)

    @torch.no_grad()
    def fit(
        self,
        x: Tensor,
        *,
        start: Tensor | None = None,
        iterations: int = 200,
        tolerance: float = 1e-4,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Expectation-maximisation on points ``x`` (N, D), until the mean log-likelihood gains less than ``tolerance``.

        It starts from the clusters of `k_means`, at first with one covariance for all; or from the responsibilities
        ``start`` (N, K), so that ``fit(x, start=model.responsibilities(x), iterations=1)`` is one step from where the
        model is. The log-likelihood, kept in ``history``, never falls, unless a part collapses.

        The likelihood has no maximum: a part that shrinks onto one point drives it to infinity. So a part that along
        some direction has less than `THINNEST` of the data's variance counts as collapsed. It is started again, around
        a point drawn at random, with the covariance of all data, and a `CollapseWarning` says so. No covariance that
        is fitted is singular.

        Raises
        ------
        CollapseError
            If parts collapse again after `RESTARTS` new starts, or if the covariance of a tied mixture collapses.
        ValueError
            If ``x`` is not of shape (N, D), is not finite, or does not vary in some direction, so that every covariance
            would be singular; if it has fewer points than parts; if ``start`` does not have shape (N, K).
        """
        diagonal = self.covariance == "diagonal"
        centre, factor, u = standardised(x, diagonal)  # (D,), (D, D) or (D,), (D, N)
        if not 1 <= self.components <= len(x):
            raise ValueError(f"x has {len(x)} points and must have at least as many as there are parts")
        if iterations < 1:
            raise ValueError(f"iterations is {iterations} and must be at least 1")
        begin = self._clusters(x, generator) if start is None else start.double()  # (N, K)
        if begin.shape != (len(x), self.components):
            raise ValueError(f"start has shape {tuple(begin.shape)} and must have {(len(x), self.components)}")
        v = lifted(u, diagonal)  # (F, N)
        sums = moments(v, begin.T, diagonal)  # (K, F, F) or (K, F)
        volume = (factor if diagonal else factor.diagonal()).log().sum().item()
        self.history, collapses = [], 0
        for iteration in range(iterations):
            shared = self.covariance == "tied" or (start is None and iteration == 0)
            weights, means, covariances = m_step(sums, diagonal, shared)  # (K,), (K, D), (K, D, D) or (K, D)
            fallen = collapsed(covariances)  # numbers of parts
            for k in fallen:
                collapses += 1
                self._report(k, weights[k].item() * len(x), iteration, give_up=collapses > RESTARTS or shared)
                means[k] = u[:, torch.randint(len(x), (), generator=generator, device=u.device)]  # (D,)
                covariances[k] = 1.0 if diagonal else torch.eye(len(u)).to(u)  # that of all data
                weights[k] = 1 / self.components
            weights = weights / weights.sum()
            scale = covariances.sqrt() if diagonal else torch.linalg.cholesky(covariances)
            log_joint = log_joint_of(v, *residual_maps(weights, means, scale))  # (K, N)
            log_prob = log_joint.logsumexp(dim=0)  # (N,)
            sums = moments(v, (log_joint - log_prob).exp(), diagonal)
            self.history.append(log_prob.mean().item() - volume)
            if iteration and not fallen and self.history[-1] - self.history[-2] < tolerance:
                break
        if diagonal:
            return self._set(weights.log(), centre + factor * means, factor * scale, x.dtype)
        return self._set(weights.log(), centre + means @ factor.T, factor @ scale, x.dtype)

    @classmethod
    def choose(
        cls,
        x: Tensor,
        held_out: Tensor,
        components: Iterable[int],
        *,
        covariance: Literal["full", "diagonal", "tied"] = "full",
        starts: int = 3,
        iterations: int = 200,
        tolerance: float = 1e-4,
        generator: torch.Generator | None = None,
    ) -> Choice:
        """The mixture under which points ``held_out`` are likeliest, among several numbers of parts and starts.

        Each is fitted to ``x``. A fit that gives up, because parts collapse, scores minus infinity. The best score was
        chosen for being high: report the likelihood of a third set.

        Raises
        ------
        CollapseError
            If every fit gives up.
        """
        training: dict[int, list[float]] = {}
        scores: dict[int, list[float]] = {}
        best, best_score = None, -math.inf
        for number in components:
            training[number], scores[number] = [], []
            for _ in range(starts):
                try:
                    model = cls(number, covariance)
                    model.fit(x, iterations=iterations, tolerance=tolerance, generator=generator)
                except CollapseError:
                    training[number].append(math.nan)
                    scores[number].append(-math.inf)
                    continue
                score = model.log_prob(held_out.double()).mean().item()
                training[number].append(model.history[-1])
                scores[number].append(score)
                if score > best_score:
                    best, best_score = model, score
        if best is None:
            raise CollapseError(f"no number of parts among {sorted(scores)} could be fitted to x")
        return Choice(best, training, scores)

    def _clusters(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """The clusters of `k_means` as responsibilities, shape (N, K): each row has a single one."""
        _, nearest = k_means(x.double(), self.components, generator=generator)
        return one_hot(nearest, self.components).double()

    def _report(self, k: int, points: float, iteration: int, give_up: bool) -> None:
        amount = f"{points:.1f}".removesuffix(".0") + (" point" if f"{points:.1f}" == "1.0" else " points")
        said = f"part {k + 1} of {self.components} has collapsed onto {amount} in iteration {iteration + 1}"
        if give_up:
            raise CollapseError(
                f"{said}; ask for fewer parts, a simpler covariance or more data, and look for outliers"
            )
        warnings.warn(f"{said}, and is started again elsewhere", CollapseWarning, stacklevel=4)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        for name in ("log_weights", "means", "scale"):  # a fresh model does not know the dimension
            if prefix + name in state_dict and len(state_dict[prefix + name]) == self.components:
                setattr(self, name, torch.empty_like(state_dict[prefix + name]))
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def _set(self, log_weights: Tensor, means: Tensor, scale: Tensor, dtype: torch.dtype) -> Self:
        self.log_weights, self.means, self.scale, self.dtype = log_weights, means, scale, dtype
        return self


class Choice(NamedTuple):
    """What `GaussianMixture.choose` found."""

    model: GaussianMixture
    """The best of all fits."""
    training: dict[int, list[float]]
    """For each number of parts, the mean log-likelihood of the points fitted, in nats, one for each start."""
    held_out: dict[int, list[float]]
    """For each number of parts, the mean log-likelihood of the held-out points in nats, one for each start."""


# ---- Expectation-maximisation, in two products for each iteration: log joint densities, and sums of moments. Both go
# ---- through the points in chunks that stay in the processor's cache.


def lifted(u: Tensor, diagonal: bool) -> Tensor:
    """Points ``u`` (D, N) with a one before each, (1 + D, N); if diagonal, with their squares too, (1 + 2 D, N)."""
    return torch.cat([torch.ones_like(u[:1]), u, u.square()] if diagonal else [torch.ones_like(u[:1]), u])


def residual_maps(weights: Tensor, means: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """What `log_joint_of` needs of the parts: a constant for each, (K, 1), and a matrix for each.

    Full: (K, D, 1 + D), which takes (1, x) to the whitened residual L_k^-1 (x - mu_k). Diagonal: (K, 1 + 2 D), which
    takes (1, x, x^2) to minus half of its squared length.
    """
    diagonal = scale.ndim == 2
    log_volume = (scale if diagonal else scale.diagonal(dim1=1, dim2=2)).log().sum(dim=1)  # (K,)
    constant = (weights.log() - log_volume - 0.5 * means.shape[1] * math.log(2 * math.pi)).unsqueeze(1)  # (K, 1)
    if diagonal:
        precisions = scale**-2  # (K, D)
        offset = (means**2 * precisions).sum(dim=1, keepdim=True)  # (K, 1)
        return constant, torch.cat([-0.5 * offset, means * precisions, -0.5 * precisions], dim=1)
    inverse = torch.linalg.solve_triangular(scale, torch.eye(scale.shape[1]).to(scale), upper=False)  # (K, D, D)
    return constant, torch.cat([-inverse @ means.unsqueeze(-1), inverse], dim=2)


def log_joint_of(v: Tensor, constant: Tensor, maps: Tensor) -> Tensor:
    """log p(x, k) in nats, shape (K, N), of lifted points ``v`` (F, N)."""
    if maps.ndim == 2:  # diagonal
        return constant + maps @ v
    parts, d, _ = maps.shape
    half = d // 2  # L_k^-1 is triangular: its upper rows need only the upper half of the points
    upper = maps[:, :half, : 1 + half].flatten(0, 1)  # (K half, 1 + half)
    lower = maps[:, half:].flatten(0, 1)  # (K (D - half), F)
    squares = []
    for chunk in v.split(chunk_size(v, parts), dim=1):  # (F, C)
        first = (upper @ chunk[: 1 + half]).square_().view(parts, half, -1).sum(dim=1)  # (K, C)
        squares.append(first + (lower @ chunk).square_().view(parts, d - half, -1).sum(dim=1))  # (K, C)
    return constant - 0.5 * torch.cat(squares, dim=1)


def moments(v: Tensor, r: Tensor, diagonal: bool) -> Tensor:
    """The sums of v v^T over lifted points ``v`` (F, N), counted by their responsibilities ``r`` (K, N): (K, F, F).

    If diagonal, the sums of v: (K, F).
    """
    if diagonal:
        return r @ v.T
    parts, features = len(r), len(v)
    half, size = features // 2, chunk_size(v, parts)
    upper = v.new_zeros(parts * half, features)  # (K half, F)
    corner = v.new_zeros(parts * (features - half), features - half)  # the rest, but for what symmetry gives
    for chunk, shares in zip(v.split(size, dim=1), r.unsqueeze(1).split(size, dim=2), strict=True):  # (F, C), (K, 1, C)
        upper.addmm_((shares * chunk[:half]).flatten(0, 1), chunk.T)
        corner.addmm_((shares * chunk[half:]).flatten(0, 1), chunk[half:].T)
    above, below = upper.view(parts, half, -1), corner.view(parts, features - half, -1)  # (K, half, F), (K, ., .)
    return torch.cat([above, torch.cat([above[:, :, half:].mT, below], dim=2)], dim=1)


def chunk_size(v: Tensor, parts: int) -> int:
    """How many lifted points ``v`` (F, N) to take at once: K times half as many numbers fill half a megabyte."""
    return max(2**17 // (parts * len(v)), 64)


def m_step(sums: Tensor, diagonal: bool, shared: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (K,), means (K, D) and covariances (K, D, D), or variances (K, D), from the sums of `moments`.

    ``shared``: one covariance for all parts, the mean of theirs.
    """
    if diagonal:
        d = sums.shape[1] // 2
        counts, firsts, seconds = sums[:, 0], sums[:, 1 : d + 1], sums[:, d + 1 :]  # (K,), (K, D), (K, D)
        means = firsts / counts[:, None]  # (K, D)
        covariances = seconds / counts[:, None] - means**2  # (K, D)
    else:
        counts, firsts, seconds = sums[:, 0, 0], sums[:, 0, 1:], sums[:, 1:, 1:]  # (K,), (K, D), (K, D, D)
        means = firsts / counts[:, None]  # (K, D)
        covariances = seconds / counts[:, None, None] - means.unsqueeze(2) * means.unsqueeze(1)  # (K, D, D)
    weights = counts / counts.sum()  # (K,)
    if shared:
        covariances = torch.einsum("k,k...->...", weights, covariances).expand_as(covariances).clone()
    return weights, means, covariances


def collapsed(covariances: Tensor) -> list[int]:
    """The parts with a variance below `THINNEST` in some direction: their numbers. Covariances of standardised data."""
    if covariances.ndim == 2:
        thin = ~(covariances >= THINNEST).all(dim=1)  # (K,)
    else:
        slimmed = covariances - THINNEST * torch.eye(covariances.shape[1]).to(covariances)  # (K, D, D)
        thin = torch.linalg.cholesky_ex(slimmed).info != 0  # (K,): no Cholesky factor, so not positive definite
    return thin.nonzero()[:, 0].tolist()


def standardised(x: Tensor, diagonal: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Centre (D,), factor, and points ``u`` (D, N) of mean zero and unit covariance: x = centre + factor u, in float64.

    The factor is the Cholesky factor (D, D) of the covariance; if diagonal, it is the standard deviations (D,). So a
    part's variance is measured in that of the data, and rounding errors do not depend on units.
    """
    if x.ndim != 2 or not x.isfinite().all():
        raise ValueError(f"x must have shape (N, D) and finite entries; its shape is {tuple(x.shape)}")
    x = x.double()
    centre, deviation = x.mean(dim=0), x.std(dim=0, correction=0)  # (D,), (D,)
    if (deviation == 0).any():
        raise ValueError(f"x does not vary in column {int(deviation.argmin())}: leave out such columns")
    u = (x - centre) / deviation  # (N, D)
    if diagonal:
        return centre, deviation, u.T.contiguous()
    correlation = u.T @ u / len(u)  # (D, D)
    if torch.linalg.eigvalsh(correlation)[0] < 1e-10:
        raise ValueError("x does not vary in some direction: project it on fewer dimensions, or use more points")
    factor = torch.linalg.cholesky(correlation)  # (D, D)
    u = torch.linalg.solve_triangular(factor, u.T, upper=False)  # (D, N)
    return centre, deviation.unsqueeze(1) * factor, u.contiguous()

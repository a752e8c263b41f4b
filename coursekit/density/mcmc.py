r"""Markov chain Monte Carlo: draws from a density that is known up to its constant.

A chain stands at one place and steps to the next so that the density stays as it is. Three ways to step:
`RandomWalkMetropolis` needs the density, `Langevin` its gradient as well, `HamiltonianMonteCarlo` follows the gradient
over many steps. Many chains run side by side, as a batch of places (C, D)::

    log_density = lambda x: -0.5 * x.square().sum(dim=1)  # (C, D) -> (C,), up to a constant
    sampler = HamiltonianMonteCarlo(log_density, step_size=0.5, path_length=1.5)
    chains = sampler.chains(torch.randn(4, 100), 1000, warm_up=500, generator=generator)
    chains.draws, effective_sample_size(chains.draws), r_hat(chains.draws)  # (1000, 4, 100), (100,), (100,)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

STEPS_AT_MOST = 1000
"""Leapfrog steps of one transition; without a limit, a warm-up that tries a tiny step size would not come back."""

LogDensity = Callable[[Tensor], Tensor]
"""log p(x) in nats up to a constant, (C,), for places (C, D); each number depends on its own place only."""


class Place(NamedTuple):
    """Where the chains stand: ``x`` (C, D), ``log_prob`` (C,) up to its constant, and its ``gradient``.

    The gradient is (C, D), or (C, 0) for a sampler that needs none.
    """

    x: Tensor
    log_prob: Tensor
    gradient: Tensor


@dataclass(frozen=True)
class Chains:
    """What C chains did in N steps after the warm-up.

    Attributes:
        draws: every place, (N, C, D); a step that was rejected repeats the place before it.
        log_prob: log p(x) in nats up to its constant, (N, C).
        acceptance: the probability with which each proposal was accepted, (N, C).
        step_size: the step size, as the warm-up left it.
        evaluations: how often each chain asked for the density (and its gradient, where it needs one).
    """

    draws: Tensor
    log_prob: Tensor
    acceptance: Tensor
    step_size: float
    evaluations: int


class Sampler(ABC):
    """A Markov chain that leaves p(x) as it is: propose a place, and accept it or stay.

    Args:
        log_density: log p(x) in nats up to a constant, (C,), for places (C, D).
        step_size: length of a step, in the units of x. A warm-up changes it for the chains that it starts.
    """

    target_acceptance: float | None
    """The acceptance that a warm-up aims at; None where nothing is ever rejected."""
    needs_gradient = True

    def __init__(self, log_density: LogDensity, step_size: float) -> None:
        if not step_size > 0:
            raise ValueError(f"step_size is {step_size} and must be positive")
        self.log_density = log_density
        self.step_size = step_size

    @abstractmethod
    def transition(
        self, place: Place, step_size: float, generator: torch.Generator | None
    ) -> tuple[Place, Tensor, int]:
        """The next place, the probabilities (C,) with which the proposals were accepted, and the evaluations made."""

    def evaluate(self, x: Tensor) -> Place:
        """The places ``x`` (C, D) with their log densities and, where the sampler needs them, gradients."""
        if not self.needs_gradient:
            with torch.no_grad():
                return Place(x, self.log_density(x), x.new_empty(len(x), 0))
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            log_prob = self.log_density(leaf)  # (C,)
            (gradient,) = torch.autograd.grad(log_prob.sum(), leaf)  # (C, D); places do not influence each other
        return Place(x, log_prob.detach(), gradient)

    @torch.no_grad()
    def chains(self, start: Tensor, n: int, *, warm_up: int = 0, generator: torch.Generator | None = None) -> Chains:
        """``n`` steps of C chains from ``start`` (C, D), after ``warm_up`` steps that are thrown away.

        The warm-up finds the step size by `DualAveraging`, one for all chains; then it stays fixed, for a chain that
        goes on learning from its past is no Markov chain.

        Raises:
            ValueError: when ``start`` is not (C, D) in floating point, or p(x) is zero or undefined there, or the log
                density has another shape than (C,).
        """
        if start.ndim != 2 or not start.is_floating_point():
            raise ValueError(
                f"start has shape {tuple(start.shape)} and type {start.dtype}; it must have shape (C, D), a place for "
                "each chain, and floating point"
            )
        place, step_size = self.evaluate(start), self.step_size
        if place.log_prob.shape != start.shape[:1]:
            raise ValueError(
                f"log_density returned shape {tuple(place.log_prob.shape)} for {len(start)} places and must return "
                f"({len(start)},): a number for each"
            )
        if not place.log_prob.isfinite().all():
            raise ValueError("start has a place where log_density is not finite; every chain must start where p(x) > 0")
        search = None if self.target_acceptance is None else DualAveraging(step_size, self.target_acceptance)
        for _ in range(warm_up):
            place, acceptance, _ = self.transition(place, step_size, generator)
            if search is not None:
                step_size = search.update(acceptance.mean().item())
        step_size = step_size if search is None else search.step_size
        draws, log_prob = start.new_empty(n, *start.shape), start.new_empty(n, len(start))  # (N, C, D), (N, C)
        accepted, evaluations = start.new_empty(n, len(start)), 0  # (N, C)
        for i in range(n):
            place, accepted[i], count = self.transition(place, step_size, generator)
            draws[i], log_prob[i], evaluations = place.x, place.log_prob, evaluations + count
        return Chains(draws, log_prob, accepted, step_size, evaluations)


class RandomWalkMetropolis(Sampler):
    r"""Propose a Gaussian step around the place; accept it by how much more likely the new place is.

    .. math:: x' = x + \eta \varepsilon, \qquad a(x, x') = \min\!\Big(1, \frac{p(x')}{p(x)}\Big)

    The warm-up aims at an acceptance of 0.234, the best in many dimensions (Roberts, Gelman and Gilks, 1997).

    Source: Metropolis et al. (1953).
    """

    target_acceptance = 0.234
    needs_gradient = False

    def transition(
        self, place: Place, step_size: float, generator: torch.Generator | None
    ) -> tuple[Place, Tensor, int]:
        """See `Sampler.transition`."""
        proposal = self.evaluate(place.x + step_size * _noise(place.x, generator))
        return *accept_or_stay(place, proposal, proposal.log_prob - place.log_prob, generator), 1


class Langevin(Sampler):
    r"""Propose a step uphill with noise; accept it by the rule of Hastings, since the way back is less likely.

    .. math:: x' = x + \tfrac{\eta^2}{2} \nabla \log p(x) + \eta \varepsilon, \qquad
              a(x, x') = \min\!\Big(1, \frac{p(x') \, q(x \mid x')}{p(x) \, q(x' \mid x)}\Big)

    Unadjusted, every proposal is accepted, and the draws come from a density that only resembles p. A warm-up then
    leaves the step size alone. Adjusted, it aims at an acceptance of 0.574 (Roberts and Rosenthal, 1998).

    Source: Roberts and Tweedie (1996).
    """

    target_acceptance: float | None = 0.574

    def __init__(self, log_density: LogDensity, step_size: float, adjusted: bool = True) -> None:
        super().__init__(log_density, step_size)
        self.adjusted = adjusted
        if not adjusted:
            self.target_acceptance = None

    @staticmethod
    def log_proposal(place: Place, x: Tensor, step_size: float) -> Tensor:
        """log q(x given the place) in nats up to a constant that depends on the step size only, (C,)."""
        mean = place.x + step_size**2 / 2 * place.gradient  # (C, D)
        return -0.5 * ((x - mean) / step_size).square().sum(dim=1)

    def transition(
        self, place: Place, step_size: float, generator: torch.Generator | None
    ) -> tuple[Place, Tensor, int]:
        """See `Sampler.transition`."""
        uphill = place.x + step_size**2 / 2 * place.gradient  # (C, D)
        proposal = self.evaluate(uphill + step_size * _noise(place.x, generator))
        if not self.adjusted:
            return proposal, torch.ones_like(place.log_prob), 1
        there = self.log_proposal(place, proposal.x, step_size)  # (C,)
        back = self.log_proposal(proposal, place.x, step_size)  # (C,)
        return *accept_or_stay(place, proposal, proposal.log_prob - place.log_prob + back - there, generator), 1


class HamiltonianMonteCarlo(Sampler):
    r"""Give the place a random momentum and let it roll over the landscape -log p(x); accept where it has got to.

    .. math:: r \sim \mathcal{N}(0, I), \quad (x', r') = \mathrm{leapfrog}(x, r), \quad
              a = \min\!\Big(1, \frac{p(x') \, e^{-|r'|^2 / 2}}{p(x) \, e^{-|r|^2 / 2}}\Big)

    Args:
        log_density: log p(x) in nats up to a constant, (C,), for places (C, D).
        step_size: of the leapfrog steps.
        path_length: how long it rolls on average: step size times steps. Each transition draws its own length, between
            half and three halves of it, the same for all chains; a fixed one could come round to where it began.

    The warm-up aims at an acceptance of 0.65 (Beskos et al., 2013).

    Source: Duane et al. (1987), Neal (2011).
    """

    target_acceptance = 0.65

    def __init__(self, log_density: LogDensity, step_size: float, path_length: float) -> None:
        super().__init__(log_density, step_size)
        if not path_length > 0:
            raise ValueError(f"path_length is {path_length} and must be positive")
        self.path_length = path_length

    def transition(
        self, place: Place, step_size: float, generator: torch.Generator | None
    ) -> tuple[Place, Tensor, int]:
        """See `Sampler.transition`."""
        share = 0.5 + torch.rand((), generator=generator, device=place.x.device).item()
        steps = min(max(1, round(share * self.path_length / step_size)), STEPS_AT_MOST)
        last = place

        def gradient(x: Tensor) -> Tensor:
            nonlocal last
            last = last if x is last.x else self.evaluate(x)
            return last.gradient

        start = _noise(place.x, generator)  # (C, D)
        _, end = leapfrog(gradient, place.x, start, step_size, steps)  # the place itself is in `last`
        kinetic = 0.5 * (start.square() - end.square()).sum(dim=1)  # (C,): the part of the energy that was lost
        return *accept_or_stay(place, last, last.log_prob - place.log_prob + kinetic, generator), steps


def leapfrog(
    gradient: Callable[[Tensor], Tensor], x: Tensor, momentum: Tensor, step_size: float, steps: int
) -> tuple[Tensor, Tensor]:
    r"""Place and momentum, (C, D) each, after ``steps`` leapfrog steps along ``gradient``, that of log p.

    .. math:: r \leftarrow r + \tfrac{\eta}{2} \nabla \log p(x), \quad x \leftarrow x + \eta r, \quad
              r \leftarrow r + \tfrac{\eta}{2} \nabla \log p(x)

    Two half kicks that meet are made as one. Source: Duane et al. (1987).
    """
    momentum = momentum + step_size / 2 * gradient(x)
    for step in range(1, steps + 1):
        x = x + step_size * momentum
        momentum = momentum + (step_size if step < steps else step_size / 2) * gradient(x)
    return x, momentum


def accept_or_stay(
    place: Place, proposal: Place, log_ratio: Tensor, generator: torch.Generator | None
) -> tuple[Place, Tensor]:
    """The proposal with probability min(1, exp(log_ratio)), else the old place; and these probabilities, (C,).

    A ratio that is not a number, as of a path that flew off to infinity, is zero.
    """
    probability = log_ratio.clamp(max=0).exp().nan_to_num(0.0)  # (C,)
    uniform = torch.rand(probability.shape, generator=generator, device=probability.device, dtype=probability.dtype)
    accept = uniform < probability  # (C,)
    pick = accept.unsqueeze(1)  # (C, 1)
    x, gradient = torch.where(pick, proposal.x, place.x), torch.where(pick, proposal.gradient, place.gradient)
    return Place(x, torch.where(accept, proposal.log_prob, place.log_prob), gradient), probability


class DualAveraging:
    r"""Finds the step size whose mean acceptance is ``target``, from one noisy acceptance after another.

    .. math:: \log \eta_{t+1} = \mu - \frac{\sqrt t}{\gamma} \bar h_t, \qquad
              \bar h_t = \Big(1 - \frac{1}{t + t_0}\Big) \bar h_{t-1} + \frac{\mathrm{target} - a_t}{t + t_0}

    with :math:`\mu = \log 10 \eta_0`, :math:`\gamma = 0.05`, :math:`t_0 = 10`. ``step_size`` is the average of the
    :math:`\log \eta_t` with weights :math:`t^{-0.75}`: what to use when the search is over.

    Source: Hoffman and Gelman (2014), section 3.2.
    """

    def __init__(self, step_size: float, target: float) -> None:
        self.step_size = step_size
        self._first, self._target = step_size, target
        self._t, self._mean_error, self._log_average = 0, 0.0, 0.0

    def update(self, acceptance: float) -> float:
        """The step size to try next, after a step with this mean acceptance."""
        self._t += 1
        rate = 1 / (self._t + 10)
        self._mean_error = (1 - rate) * self._mean_error + rate * (self._target - acceptance)
        log_step = math.log(10 * self._first) - math.sqrt(self._t) / 0.05 * self._mean_error
        weight = self._t**-0.75
        self._log_average = weight * log_step + (1 - weight) * self._log_average
        self.step_size = math.exp(self._log_average)
        return math.exp(log_step)


def metropolis_matrix(log_prob: Tensor, proposal: Tensor) -> Tensor:
    r"""Transition matrix of the Metropolis-Hastings rule on S states, (S, S); row i holds the ways out of state i.

    .. math:: T_{ij} = q_{ij} \min\!\Big(1, \frac{p_j \, q_{ji}}{p_i \, q_{ij}}\Big) \ (i \neq j), \qquad
              T_{ii} = 1 - \sum_{j \neq i} T_{ij}

    Args:
        log_prob: log p of each state in nats up to a constant, (S,).
        proposal: q, (S, S): row i is the distribution of the proposals made in state i.

    Raises:
        ValueError: when a state has probability zero, or a row of ``proposal`` does not sum to one.

    Source: Hastings (1970).
    """
    if not log_prob.isfinite().all():
        raise ValueError("log_prob must be finite: a state of probability zero is none that the chain can be in")
    if not torch.allclose(proposal.sum(dim=1), torch.ones_like(log_prob)):
        raise ValueError("proposal has rows that do not sum to one; row i must be the distribution of proposals from i")
    log_ratio = log_prob - log_prob.unsqueeze(1)  # (S, S): log p_j - log p_i
    accepted = torch.minimum(proposal, (log_ratio + proposal.T.log()).exp())  # (S, S)
    return accepted + (1 - accepted.sum(dim=1)).diag()  # what is refused stays


def _noise(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers like ``x``."""
    return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)

"""Effective samples per second: random-walk Metropolis against Hamiltonian Monte Carlo, on Gaussians.

Two Gaussians in 100 dimensions, of which the samplers know nothing: a round one, and one whose neighbours have
correlation 0.82 (its covariance has the condition number 100). Then the round one in 1 to 1,000 dimensions. 16 chains
side by side begin with exact draws, in float32. Both samplers are tuned: their step sizes by a warm-up to the best
acceptance of the theory, the path length of HMC by trying a few. What counts is the worst coordinate's effective sample
size. Timed rounds alternate; medians are compared. The warm-up is not timed.

Run: make bench BENCH=benchmarks/mcmc.py
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from coursekit.density import HamiltonianMonteCarlo, RandomWalkMetropolis, effective_sample_size
from coursekit.density.mcmc import Sampler

CHAINS, ROUNDS, KEPT = 16, 5, 1500


def autoregressive(correlation: float):
    """The log density of a Gaussian whose neighbours have this correlation and whose coordinates have variance 1."""
    width = math.sqrt(1 - correlation**2)

    def log_density(x: Tensor) -> Tensor:
        new = (x[:, 1:] - correlation * x[:, :-1]) / width  # (C, D - 1)
        return -0.5 * (x[:, 0].square() + new.square().sum(dim=1))

    return log_density


def exact(correlation: float, dimensions: int) -> Tensor:
    """Exact draws to begin with, (C, D)."""
    x = torch.randn(CHAINS, dimensions, generator=torch.Generator().manual_seed(0))
    for d in range(1, dimensions):
        x[:, d] = correlation * x[:, d - 1] + math.sqrt(1 - correlation**2) * x[:, d]
    return x


@dataclass
class Race:
    """One sampler on its way: where it stands, what it kept, how long it took."""

    sampler: Sampler
    place: Tensor
    every: int
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(1))
    kept: list[Tensor] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    evaluations: int = 0
    acceptance: float = 0.0

    def warm_up(self, steps: int = 500) -> None:
        chains = self.sampler.chains(self.place, 1, warm_up=steps, generator=self.generator)
        self.sampler.step_size, self.place = chains.step_size, chains.draws[-1]

    def round(self, draws: int) -> None:
        """Keep ``draws`` places, each ``every`` steps after the last; only the chains are timed."""
        seconds = 0.0
        while draws > 0:
            n = min(draws, max(1, 4000 // self.every))
            begin = time.perf_counter()
            chains = self.sampler.chains(self.place, n * self.every, generator=self.generator)
            seconds += time.perf_counter() - begin
            self.kept.append(chains.draws[self.every - 1 :: self.every].clone())
            self.place, self.acceptance = chains.draws[-1], chains.acceptance.mean().item()
            self.evaluations += chains.evaluations
            draws -= n
        self.seconds.append(seconds)

    def samples(self) -> float:
        """Effective samples of the worst coordinate, of all rounds."""
        return effective_sample_size(torch.cat(self.kept)).min().item()


def compare(name: str, correlation: float, dimensions: int, every: int, path_lengths: tuple[float, ...]) -> None:
    """Tune both, let them alternate, and print the ratio."""
    log_density, start = autoregressive(correlation), exact(correlation, dimensions)
    trials = []
    for path_length in path_lengths:
        trial = Race(HamiltonianMonteCarlo(log_density, 0.2, path_length), start, 1)
        trial.warm_up(200)
        trial.round(300)
        trials.append((trial.samples() / trial.evaluations, path_length))
    best = max(trials)[1]
    walk = RandomWalkMetropolis(log_density, 2.4 / math.sqrt(dimensions))
    walk.target_acceptance = 0.44 if dimensions == 1 else 0.234  # the best for one dimension, and for many
    races = {
        "random walk": Race(walk, start, every),
        f"Hamiltonian, path {best:g}": Race(HamiltonianMonteCarlo(log_density, 0.2, best), start, 1),
    }
    for race in races.values():
        race.warm_up()
    for _ in range(ROUNDS):
        for race in races.values():
            race.round(KEPT // ROUNDS)
    print(f"{name}, {dimensions} dimensions")
    rates = []
    for way, race in races.items():
        samples = race.samples()
        rates.append(samples / ROUNDS / statistics.median(race.seconds))
        steps = len(torch.cat(race.kept)) * race.every
        print(
            f"    {way:24s} step {race.sampler.step_size:6.3f}, accepted {race.acceptance:.2f}, {steps:8,d} steps: "
            f"{samples:9.1f} effective samples, {1000 * samples / CHAINS / race.evaluations:8.3f} of 1,000 "
            f"evaluations, {rates[-1]:10.1f} a second"
        )
    print(f"    ratio of effective samples a second {rates[1] / rates[0]:.1f}", flush=True)


def main() -> None:
    """The two Gaussians, then the round one against the dimension."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    compare("round", 0.0, 100, 20, (1.0, 1.5, 2.0, 2.5))
    compare("correlation 0.82", 0.82, 100, 60, (2.0, 3.0, 4.0, 6.0))
    for dimensions, every in ((1, 1), (10, 4), (1000, 40)):
        compare("round", 0.0, dimensions, every, (1.0, 1.5, 2.0, 2.5))


if __name__ == "__main__":
    main()

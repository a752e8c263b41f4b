"""An iteration of expectation-maximisation, ours and scikit-learn's, from the same start: 10 full covariances.

Points in 50 dimensions come from 10 overlapping Gaussians. Both compute in float64, with the same number of threads.
First both do the same ten iterations, and their log-likelihoods are compared. Then single iterations alternate: the
E-step for all points, the M-step, and the Cholesky factors of the new covariances. Medians are compared.

Run: make bench BENCH=benchmarks/gaussian_mixture.py
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Peer
from threadpoolctl import threadpool_limits
from torch import Tensor

from coursekit.density import GaussianMixture
from coursekit.density.gaussian_mixture import (
    collapsed,
    lifted,
    log_joint_of,
    m_step,
    moments,
    residual_maps,
    standardised,
)

PARTS, DIMENSIONS, ITERATIONS = 10, 50, 10


def points(n: int) -> tuple[Tensor, Tensor]:
    """Points (N, D) and responsibilities (N, K) to start from."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(PARTS, DIMENSIONS, generator=generator, dtype=torch.float64)
    part = torch.randint(PARTS, (n,), generator=generator)
    x = means[part] + torch.randn(n, DIMENSIONS, generator=generator, dtype=torch.float64)
    start = torch.rand(n, PARTS, generator=generator, dtype=torch.float64) ** 4
    return x, start / start.sum(dim=1, keepdim=True)


def peer_from(model: GaussianMixture) -> Peer:
    """scikit-learn's mixture with the parameters of ours as its start, and nothing added to its covariances."""
    return Peer(
        PARTS,
        reg_covar=0,
        tol=0,
        max_iter=ITERATIONS,
        weights_init=model.log_weights.exp().numpy(),
        means_init=model.means.numpy(),
        precisions_init=torch.cholesky_inverse(model.scale).numpy(),
    )


def compare(n: int, rounds: int) -> None:
    """Print both log-likelihoods, both medians and their ratio."""
    x, start = points(n)
    array = x.numpy()
    ours = GaussianMixture(PARTS).fit(x, start=start, iterations=ITERATIONS + 1, tolerance=-math.inf)
    peer = peer_from(GaussianMixture(PARTS).fit(x, start=start, iterations=1)).fit(array)
    theirs = float(peer.score(array))
    difference = abs(ours.history[-1] / theirs - 1)
    print(f"{n:,} x {DIMENSIONS}: {ours.history[-1]:.10f} and {theirs:.10f} nats, relative difference {difference:.1e}")

    centre, factor, u = standardised(x, diagonal=False)  # (D,), (D, D), (D, N)
    v = lifted(u, diagonal=False)  # (1 + D, N)
    means = torch.linalg.solve_triangular(factor, (ours.means - centre).T, upper=False).T  # (K, D)
    scale = torch.linalg.solve_triangular(factor, ours.scale, upper=False)  # (K, D, D)
    state = [(ours.log_weights.exp(), means, scale)]

    def our_iteration() -> None:
        log_joint = log_joint_of(v, *residual_maps(*state[0]))  # (K, N)
        sums = moments(v, (log_joint - log_joint.logsumexp(dim=0)).exp(), diagonal=False)
        weights, means, covariances = m_step(sums, diagonal=False, shared=False)
        assert not collapsed(covariances)
        state[0] = (weights, means, torch.linalg.cholesky(covariances))

    def their_iteration() -> None:
        _, log_responsibilities = peer._e_step(array)
        peer._m_step(array, log_responsibilities)

    ways: dict[str, Callable[[], None]] = {"scikit-learn": their_iteration, "ours": our_iteration}
    times: dict[str, list[float]] = {way: [] for way in ways}
    for round_number in range(rounds + 2):
        for way, iteration in ways.items():
            begin = time.perf_counter()
            iteration()
            if round_number > 1:  # the first rounds warm up
                times[way].append(time.perf_counter() - begin)
    medians = {way: statistics.median(values) for way, values in times.items()}
    for way, median in medians.items():
        print(f"    {way:14s} {1000 * median:8.1f} ms an iteration, fastest {1000 * min(times[way]):8.1f}")
    print(f"    ratio {medians['scikit-learn'] / medians['ours']:.2f}")


def main() -> None:
    """Both sizes, with one thread and with two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            print(f"{threads} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
            for n in arguments.sizes:
                compare(n, rounds=31 if n <= 10_000 else 9)


if __name__ == "__main__":
    main()

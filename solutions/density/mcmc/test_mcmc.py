"""Graded tests of `density/mcmc`. Steps are held against detailed balance, paths against recurrences and invariants."""

import numpy as np
import pytest
from scipy import stats

SHAPE, RATE = np.array([2.5, 1.5, 4.0]), np.array([1.0, 0.4, 3.0])


def log_gamma(x):
    """log p(x) of three independent gamma variables, (C,), in the dtype of x."""
    return stats.gamma(SHAPE, scale=1 / RATE).logpdf(x).sum(-1).astype(x.dtype)


def proposal_density(x, of, step_size):
    """q(of given x) in one dimension after another, (C,): a log-normal density around each coordinate."""
    return stats.lognorm(s=step_size, scale=x).pdf(of).prod(-1)


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-8), ("f4", 1e-3)])
def test_detailed_balance(student, rng, dtype, rtol):
    """As much goes from x to x' as comes back, and one of both ways is always accepted."""
    chains, step_size = 12, float(rng.uniform(0.3, 0.8))
    x = rng.gamma(SHAPE, 1 / RATE, size=(chains, 3)).astype(dtype) + np.asarray(0.05, dtype)
    noise, uniform = rng.normal(size=(chains, 3)).astype(dtype), np.zeros(chains, dtype)
    moved, there = student.multiplying_step(x, log_gamma, step_size, noise, uniform)
    assert moved.shape == x.shape and moved.dtype == there.dtype == np.dtype(dtype)
    _, back = student.multiplying_step(moved, log_gamma, step_size, -noise, uniform)
    forth = np.exp(log_gamma(x.astype("f8"))) * proposal_density(x.astype("f8"), moved.astype("f8"), step_size)
    return_ = np.exp(log_gamma(moved.astype("f8"))) * proposal_density(moved.astype("f8"), x.astype("f8"), step_size)
    np.testing.assert_allclose(forth * there, return_ * back, rtol=rtol, atol=1e-30)
    np.testing.assert_allclose(np.maximum(there, back), np.ones(chains, dtype), rtol=rtol, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_who_moves(student, rng):
    """Uniform numbers a little below the probability and a little above it."""
    chains, step_size = 10, 0.5
    x = rng.gamma(SHAPE, 1 / RATE, size=(chains, 3)) + 0.05
    noise = rng.normal(size=(chains, 3))
    proposal = np.exp(np.log(x) + step_size * noise)
    odds = np.exp(log_gamma(proposal) - log_gamma(x))
    odds = odds * proposal_density(proposal, x, step_size) / proposal_density(x, proposal, step_size)
    for factor in (0.999, 1.001):
        uniform = np.minimum(odds * factor, 1 - 1e-12)
        places, probability = student.multiplying_step(x, log_gamma, step_size, noise, uniform)
        moves = (factor < 1) | (odds >= 1)
        right = np.where(np.broadcast_to(moves, chains)[:, None], proposal, x)
        np.testing.assert_allclose(places, right, rtol=1e-9, strict=True)
        np.testing.assert_allclose(probability, np.where(odds < 1, odds, 1.0), rtol=1e-8, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_known_ratios(student, rng):
    """A density proportional to a power of all coordinates, times one over their product: only the power remains."""
    chains, d, step_size, power = 9, 5, 0.7, float(rng.uniform(0.5, 2.0))
    x, noise = rng.uniform(0.5, 2.0, size=(chains, d)), rng.normal(size=(chains, d))
    for exponent in (0.0, power, -power):
        _, answer = student.multiplying_step(
            x, lambda x, e=exponent: np.log(np.prod(x ** (e - 1), axis=-1)), step_size, noise, np.full(chains, 0.5)
        )
        grows = np.exp(step_size * exponent * noise.sum(-1))
        np.testing.assert_allclose(answer, np.where(grows < 1, grows, 1.0), rtol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_huge_and_impossible(student, rng):
    """The constant of the density does not matter, be it e to the 20,000; where p is zero, no chain goes."""
    chains, step_size = 8, 0.4
    x = rng.uniform(0.5, 2.0, size=(chains, 2))
    noise = -rng.uniform(0.1, 3.0, size=(chains, 2))
    noise[1::2] *= -1  # each second chain grows,
    wall = 2.1
    noise[1::2] += np.log(wall / x[1::2]) / step_size  # so far that it is beyond the wall, where p is zero
    uniform = np.full(chains, 1e-12)
    for constant in (-20_000.0, 20_000.0):
        places, answer = student.multiplying_step(
            x,
            lambda x, c=constant: np.where((x > wall).any(-1), -np.inf, c + x.sum(-1)),
            step_size,
            noise,
            uniform,
        )
        proposal = x * np.exp(step_size * noise)
        right = np.exp((proposal - x).sum(-1)) * (proposal / x).prod(-1)
        right[1::2] = 0.0
        np.testing.assert_allclose(answer, right, rtol=1e-7, strict=True)
        np.testing.assert_allclose(places, np.where(right[:, None] > 0, proposal, x), rtol=1e-9, strict=True)


def start(rng, chains, d):
    """Places, momenta and masses, (C, d), (C, d), (d,)."""
    mass = np.exp(rng.uniform(-1.0, 1.0, size=d))
    return rng.uniform(-1.5, 1.5, size=(chains, d)), rng.normal(size=(chains, d)) * np.sqrt(mass), mass


def potential(x):
    """Minus log p(x) up to a constant, (C,): steep walls, and neighbours that hold together."""
    return (x**4).sum(-1) / 4 + ((x[..., 1:] - x[..., :-1]) ** 2).sum(-1) / 2


def force(x):
    """The gradient of log p(x), (C, d), by differences with a complex step, which are exact."""
    tiny = 1e-30
    shifted = x[..., None, :] + 1j * tiny * np.eye(x.shape[-1])  # (C, d, d)
    return -potential(shifted).imag / tiny


@pytest.mark.question("q2")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-9), ("f4", 2e-3)])
def test_gaussian(student, rng, dtype, tolerance):
    """Leapfrog in a Gaussian turns each coordinate on an ellipse by a known angle, and keeps a known energy."""
    d, steps = 3, 7
    x, r, mass = (a.astype(dtype) for a in start(rng, 5, d))
    scale, step_size = rng.uniform(0.8, 2.0, size=d), 0.25
    end = student.path(
        x, r, mass, lambda x: (-0.5 * (x / scale) ** 2).sum(-1).astype(dtype), lambda x: (-x / scale**2).astype(dtype),
        step_size, steps,
    )  # fmt: skip
    x, r, mass = (a.astype("f8") for a in (x, r, mass))
    share = step_size**2 / (4 * mass * scale**2)
    angle = np.arccos(1 - 2 * share)  # of one step
    place = x * np.cos(steps * angle) + r / mass * step_size * np.sin(steps * angle) / np.sin(angle)
    momentum = r * np.cos(steps * angle) - x * mass / step_size * np.sin(angle) * np.sin(steps * angle)
    lost = ((x**2 - place**2) * share / (2 * scale**2)).sum(-1)  # since r^2 / 2m + (1 - share) x^2 / 2 scale^2 is kept
    for given, right in zip(end, (place, momentum, np.minimum(lost, 0.0)), strict=True):
        np.testing.assert_allclose(given, right.astype(dtype), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_recurrence(student, rng):
    """Three places in a row obey x(t + 1) - 2 x(t) + x(t - 1) = step^2 force / mass; momenta are their differences."""
    x, r, mass = start(rng, 4, 3)
    step_size = 0.15
    before, here = None, x
    after = x + step_size * r / mass + step_size**2 / 2 * force(x) / mass
    for steps in range(1, 6):
        before, here, after = here, after, 2 * after - here + step_size**2 * force(after) / mass
        if steps in (1, 5):
            momentum = mass * (after - before) / (2 * step_size)
            answer = student.path(x, r, mass, lambda x: -potential(x), force, step_size, steps)
            np.testing.assert_allclose(answer[0], here, rtol=1e-7, atol=1e-9, strict=True)
            np.testing.assert_allclose(answer[1], momentum, rtol=1e-6, atol=1e-8, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_forth_and_back(student, rng):
    """With the momentum turned round a path leads back, and what it lost on the way there it gains."""
    x, r, mass = start(rng, 6, 4)
    there, momentum, forth = student.path(x, r, mass, lambda x: -potential(x), force, 0.15, 12)
    home, turned, back = student.path(there, -momentum, mass, lambda x: -potential(x), force, 0.15, 12)
    np.testing.assert_allclose(home, x, rtol=1e-6, atol=1e-7, strict=True)
    np.testing.assert_allclose(turned, -r, rtol=1e-6, atol=1e-7, strict=True)
    gained = (r**2 - momentum**2) @ (0.5 / mass) + potential(x) - potential(there)
    np.testing.assert_allclose(forth - back, gained, rtol=1e-6, atol=1e-8, strict=True)
    np.testing.assert_allclose(np.maximum(forth, back), np.zeros(6), atol=1e-12, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_questions(student, rng):
    """One for the gradient at each place; and the energy of the end, whatever the path."""
    x, r, mass = start(rng, 5, 3)
    asked = []

    def counted(x):
        asked.append(x)
        return force(x)

    for steps, step_size in ((1, 1.2), (20, 0.2)):  # the first one loses or gains much
        place, momentum, answer = student.path(x, r, mass, lambda x: -potential(x), counted, step_size, steps)
        lost = (r**2 - momentum**2) @ (0.5 / mass) + potential(x) - potential(place)
        np.testing.assert_allclose(answer, np.minimum(lost, 0.0), rtol=1e-6, atol=1e-9, strict=True)
    assert len(asked) <= 2 + 21, f"the gradient was asked for {len(asked)} times in paths of 1 step and of 20 steps"

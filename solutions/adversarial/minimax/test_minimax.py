"""Graded tests of `adversarial/minimax`. Right values come from tails, slopes and entropies, not from the formulas."""

import numpy as np
import pytest


def log_sigmoid(logit):
    """log of 1 / (1 + exp(-a)), from the two tails."""
    logit = np.asarray(logit, dtype="f8")
    return np.minimum(logit, 0.0) - np.log1p(np.exp(-np.abs(logit)))


def distributions(rng, *shape):
    """Probabilities over the last axis, none of them tiny."""
    weights = rng.uniform(0.2, 2.0, size=shape)
    return weights / weights.sum(axis=-1, keepdims=True)


def entropy(probabilities):
    """In nats; 0 log 0 is 0."""
    positive = np.where(probabilities > 0, probabilities, 1.0)
    return -(positive * np.log(positive) * (probabilities > 0)).sum(axis=-1)


def best_score(p, q, share):
    """Entropy of the state given the source, less its entropy, less that of the source: a route without any D."""
    mixture = share * p + (1 - share) * q
    source = entropy(np.array([share, 1 - share]))
    return entropy(mixture) - share * entropy(p) - (1 - share) * entropy(q) - source


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_the_discriminators_loss(student, rng):
    """From probabilities: for every real and fake example the log-probability of the truth."""
    real, fake = rng.normal(size=7) * 2, rng.normal(size=4) * 2
    said_real, said_fake = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    exact = -np.log(said_real).mean() - np.log(1 - said_fake).mean()
    for game in ("minimax", "non-saturating"):
        loss, _ = student.player_losses(real, fake, game)
        np.testing.assert_allclose(loss, exact, rtol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_the_generators_losses(student, rng):
    real, fake = rng.normal(size=3), rng.normal(size=9) * 2
    said = 1 / (1 + np.exp(-fake))
    for game, exact in (("minimax", np.log(1 - said).mean()), ("non-saturating", -np.log(said).mean())):
        _, loss = student.player_losses(real, fake, game)
        np.testing.assert_allclose(loss, exact, rtol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_batches_of_games_in_both_precisions(student, rng):
    real, fake = rng.normal(size=(2, 3, 5)) * 2, rng.normal(size=(2, 3, 8)) * 2
    discriminator = -log_sigmoid(real).mean(-1) - log_sigmoid(-fake).mean(-1)
    for game, generator in (("minimax", log_sigmoid(-fake).mean(-1)), ("non-saturating", -log_sigmoid(fake).mean(-1))):
        for dtype, rtol in (("f8", 1e-9), ("f4", 1e-4)):
            answers = student.player_losses(real.astype(dtype), fake.astype(dtype), game)
            for answer, exact in zip(answers, (discriminator, generator), strict=True):
                np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_huge_logits(student, rng):
    """Beyond a few hundred each term is the logit itself, or nothing."""
    real = rng.uniform(800, 1200, size=(4, 6)) * rng.choice([-1.0, 1.0], size=(4, 6))
    fake = rng.uniform(800, 1200, size=(4, 5)) * rng.choice([-1.0, 1.0], size=(4, 5))
    real[:, 0], fake[:, 0], fake[:, 1] = -1000.0, 1000.0, -1000.0  # both kinds of error are there
    caught, missed = np.maximum(fake, 0).mean(-1), np.maximum(-fake, 0).mean(-1)
    for game, generator in (("minimax", -caught), ("non-saturating", missed)):
        for dtype, rtol in (("f8", 1e-9), ("f4", 1e-5)):
            answers = student.player_losses(real.astype(dtype), fake.astype(dtype), game)
            for answer, exact in zip(answers, (np.maximum(-real, 0).mean(-1) + caught, generator), strict=True):
                np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_no_other_discriminator_scores_more(student, rng):
    """The slope of the score in D is zero at every state, by central differences, and the answer is batched."""
    p, q, share = distributions(rng, 3, 5), distributions(rng, 3, 5), rng.uniform(0.1, 0.4)
    d, _ = student.best_discriminator(np.log(p), np.log(q), share)
    assert d.shape == p.shape
    assert d.dtype == p.dtype
    np.testing.assert_array_less(0.0, d)
    np.testing.assert_array_less(d, 1.0)
    step = 1e-5 * np.minimum(d, 1 - d)

    def score(at):
        return share * p * np.log(at) + (1 - share) * q * np.log1p(-at)

    slope = (score(d + step) - score(d - step)) / (2 * step)
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_the_score_is_what_entropies_say(student, rng):
    p, q, share = distributions(rng, 2, 4, 6), distributions(rng, 2, 4, 6), rng.uniform(0.1, 0.9)
    _, score = student.best_discriminator(np.log(p), np.log(q), share)
    np.testing.assert_allclose(score, best_score(p, q, share), rtol=1e-9, atol=1e-12, strict=True)
    _, score = student.best_discriminator(np.log(p[0, 0]), np.log(p[0, 0]), 0.5)  # nothing to tell apart
    np.testing.assert_allclose(score, -np.log(2), rtol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_states_that_never_come(student, rng):
    share = rng.uniform(0.1, 0.4)
    p, q = np.zeros(7), np.zeros(7)
    p[:4], q[2:6] = (
        distributions(rng, 4),
        distributions(rng, 4),
    )  # two for p alone, two for both, two for q, one for none
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log(q)
    d, score = student.best_discriminator(log_p, log_q, share)
    np.testing.assert_allclose(d[[0, 1, 4, 5, 6]], [1.0, 1.0, 0.0, 0.0, share], atol=1e-12)
    np.testing.assert_allclose(score, best_score(p, q, share), rtol=1e-9, strict=True)
    # Nothing in common: the discriminator is always right, and the score is zero.
    d, score = student.best_discriminator(
        log_p[[0, 1, 6]] - np.log(p[:2].sum()), log_q[[0, 1, 4]] - np.log(q[4]), share
    )
    np.testing.assert_allclose(score, 0.0, atol=1e-12)
    np.testing.assert_allclose(d, [1.0, 1.0, 0.0], atol=1e-12)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_very_unlikely_states(student, rng):
    """Odds survive where probabilities do not: log-odds of the answer, state by state."""
    share = rng.uniform(0.1, 0.4)
    log_p = np.append(-rng.uniform(1500, 3000, size=6), 0.0)  # the last state has all the probability
    odds = rng.uniform(-3, 3, size=6)
    log_q = np.append(log_p[:6] - odds, 0.0)
    d, score = student.best_discriminator(log_p, log_q, share)
    exact = share * np.exp(odds) / (share * np.exp(odds) + 1 - share)
    np.testing.assert_allclose(d[:6], exact, rtol=1e-8, strict=True)
    np.testing.assert_allclose(score, -entropy(np.array([share, 1 - share])), rtol=1e-9, strict=True)

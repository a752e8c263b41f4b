"""Graded tests of `density/topic-models`. Right values come from sums over all topics of all words, and derivatives."""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln, softmax


def tables(rng, documents, topics, words):
    """Counts (D, V), shares (D, K) and topics (K, V); every document has a word."""
    counts = rng.poisson(1.5, size=(documents, words)).astype("f8")
    counts[np.arange(documents), rng.integers(0, words, size=documents)] += 1
    return counts, rng.dirichlet(np.full(topics, 2.0), size=documents), rng.dirichlet(np.full(words, 2.0), size=topics)


def total(counts, shares, topics):
    """The log-likelihood of all words as a number, for complex tables as well."""
    p = np.einsum("dk,kw->dw", shares, topics)
    return (counts[counts > 0] * np.log(p[counts > 0])).sum()


def derivative(counts, shares, topics, which):
    """The derivative of the log-likelihood by each entry of one table, by a complex step, which is exact."""
    given = [shares.astype(complex), topics.astype(complex)]
    answer = np.zeros(given[which].shape)
    for place in np.ndindex(answer.shape):
        shifted = [a.copy() for a in given]
        shifted[which][place] += 1e-30j
        answer[place] = total(counts, *shifted).imag / 1e-30
    return answer


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_log_likelihood(student, rng):
    """Five words: the sum over all ways to give them topics. A word may be impossible, and occur or not."""
    _, shares, topics = tables(rng, 3, 3, 4)
    topics[:, 2] = 0.0  # no topic has the third word
    topics /= topics.sum(1, keepdims=True)
    written = [rng.choice([0, 1, 3], size=5), rng.choice([0, 1, 3], size=5), rng.permutation([0, 1, 2, 3, 3])]
    counts = np.array([np.bincount(words, minlength=4) for words in written]).astype("f8")
    exact = []
    for words, share in zip(written[:2], shares, strict=False):
        ways = [np.prod(share[list(z)] * topics[list(z), words]) for z in itertools.product(range(3), repeat=5)]
        exact.append(np.log(np.sum(ways)))
    answer = student.log_likelihood(counts, shares, topics)
    np.testing.assert_allclose(answer, np.array([*exact, -np.inf]), rtol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(0.5)
@pytest.mark.public
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-8), ("f4", 1e-3)])
def test_step(student, rng, dtype, rtol):
    """A step multiplies each entry by the derivative of the log-likelihood, and rows again add up to one."""
    given = [a.astype(dtype) for a in tables(rng, documents=5, topics=3, words=6)]
    exact = [a.astype("f8") for a in given]
    shares, topics = student.em_step(*given)
    for which, answer in ((0, shares), (1, topics)):
        right = exact[1 + which] * derivative(*exact, which)
        right /= right.sum(1, keepdims=True)
        np.testing.assert_allclose(answer, right.astype(dtype), rtol=rtol, atol=1e-6, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_topics_without_common_words(student, rng):
    """Then it is known which topic each word is from, and a single step counts; zeros stay."""
    documents, topics, words = 6, 3, 12
    counts, shares, _ = tables(rng, documents, topics, words)
    owner = rng.permutation(np.repeat([0, 1, 2, 3], 3))  # nobody owns three of the words
    counts[:, owner == 3] = 0.0
    counts[np.arange(documents), rng.choice(np.flatnonzero(owner < 3), size=documents)] += 1
    for k in range(topics):
        counts[k, np.flatnonzero(owner == k)[0]] += 1
    table = (owner == np.arange(topics)[:, None]) * rng.uniform(0.5, 1.0, size=(topics, words))
    table /= table.sum(1, keepdims=True)
    new_shares, new_topics = student.em_step(counts, shares, table)
    by_topic = np.stack([counts[:, owner == k].sum(1) for k in range(topics)], axis=1)
    np.testing.assert_allclose(new_shares, by_topic / counts.sum(1, keepdims=True), rtol=1e-9, strict=True)
    everywhere = np.where(owner == np.arange(topics)[:, None], counts.sum(0), 0.0)
    right = everywhere / everywhere.sum(1, keepdims=True)
    np.testing.assert_allclose(new_topics, right, rtol=1e-9, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_many_steps(student, rng):
    """The likelihood never falls, and ten steps later the tables are still distributions; counts are large."""
    counts, shares, topics = tables(rng, documents=8, topics=4, words=20)
    counts *= 50
    before = total(counts, shares, topics)
    for _ in range(10):
        answer = student.log_likelihood(counts, shares, topics)
        np.testing.assert_allclose(answer.sum(), total(counts, shares, topics), rtol=1e-10)
        shares, topics = student.em_step(counts, shares, topics)
        after = total(counts, shares, topics)
        assert after >= before - 1e-6, f"the log-likelihood fell from {before:.6f} to {after:.6f}"
        before = after
    np.testing.assert_allclose(shares.sum(1), np.ones(8), rtol=1e-9, strict=True)
    np.testing.assert_allclose(topics.sum(1), np.ones(4), rtol=1e-9, strict=True)


def occurrences(rng, n, documents, topics, words):
    """Word, document and topic of each occurrence, (n,) each."""
    return (rng.integers(0, high, size=n) for high in (words, documents, topics))


def log_of_gammas(counts, prior):
    """log of the probability of a sequence with these counts, its distribution drawn from Dirichlet(prior), (...)."""
    size = counts.shape[-1]
    each = (gammaln(counts + prior) - gammaln(prior)).sum(-1)
    return each + gammaln(size * prior) - gammaln(counts.sum(-1) + size * prior)


def log_joint(word, document, topic, vocabulary, topics, alpha, beta):
    """log p(words, topics): both Dirichlet distributions integrated out."""
    in_document, of_topic = np.zeros((document.max() + 1, topics)), np.zeros((topics, vocabulary))
    np.add.at(in_document, (document, topic), 1)
    np.add.at(of_topic, (topic, word), 1)
    return log_of_gammas(in_document, alpha).sum() + log_of_gammas(of_topic, beta).sum()


def from_the_joint(word, document, topic, vocabulary, topics, alpha, beta):
    """Each conditional from the joint probabilities of all topics that one occurrence may have, (N, K)."""
    rows = []
    for i in range(len(word)):
        instead = [np.where(np.arange(len(word)) == i, k, topic) for k in range(topics)]
        rows.append(softmax([log_joint(word, document, z, vocabulary, topics, alpha, beta) for z in instead]))
    return np.array(rows)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_from_the_joint(student, rng):
    word, document, topic = occurrences(rng, 12, documents=3, topics=4, words=5)
    alpha, beta = (float(a) for a in rng.uniform(0.05, 2.0, size=2))
    answer = student.conditionals(word, document, topic, 5, 4, alpha, beta)
    right = from_the_joint(word, document, topic, 5, 4, alpha, beta)
    np.testing.assert_allclose(answer, right, rtol=1e-7, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_what_does_not_occur(student, rng):
    """Words, documents and topics without any occurrence: a vocabulary of 30, five documents, six topics."""
    word, document, topic = occurrences(rng, 10, documents=2, topics=3, words=4)
    word, document, topic = 7 * word + 3, 3 * document + 1, 2 * topic
    alpha, beta = (float(a) for a in rng.uniform(0.05, 0.5, size=2))
    answer = student.conditionals(word, document, topic, 30, 6, alpha, beta)
    right = from_the_joint(word, document, topic, 30, 6, alpha, beta)
    np.testing.assert_allclose(answer, right, rtol=1e-7, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_alone(student, rng):
    """One occurrence in each document, each of a word of its own: only the sizes of the topics remain."""
    n, topics, vocabulary = 8, 3, 11
    word, document = rng.permutation(vocabulary)[:n], rng.permutation(n)
    topic = rng.integers(0, topics, size=n)
    alpha, beta = float(rng.uniform(0.5, 2.0)), float(rng.uniform(0.05, 0.2))
    size = np.array([[np.delete(topic, i).tolist().count(k) for k in range(topics)] for i in range(n)])
    right = softmax(-np.log(size + vocabulary * beta), axis=1)
    answer = student.conditionals(word, document, topic, vocabulary, topics, alpha, beta)
    np.testing.assert_allclose(answer, right, rtol=1e-9, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_ratios_for_many_occurrences(student, rng):
    """Of two topics, how much likelier one is than the other: from the joint, for some of 300 occurrences."""
    word, document, topic = occurrences(rng, 300, documents=20, topics=10, words=40)
    answer = student.conditionals(word, document, topic, 40, 10, 0.1, 0.01)
    np.testing.assert_allclose(answer.sum(1), np.ones(300), rtol=1e-9, strict=True)
    for i in rng.choice(300, size=6, replace=False):
        one, other = rng.choice(10, size=2, replace=False)
        joint = [
            log_joint(word, document, np.where(np.arange(300) == i, k, topic), 40, 10, 0.1, 0.01) for k in (one, other)
        ]
        np.testing.assert_allclose(np.log(answer[i, one] / answer[i, other]), joint[0] - joint[1], rtol=1e-6, atol=1e-7)

"""Topic models: against every assignment of a tiny corpus, Polya's urn, loops over single words, and scikit-learn."""

from itertools import product
from math import lgamma, log

import pytest
import torch
from torch.distributions import Dirichlet

from coursekit.density import PLSA, CollapsedGibbs, LatentDirichletAllocation
from coursekit.density.lda import log_joint
from coursekit.density.topics import draw_documents, perplexity, split_words

ALPHA, BETA = 0.7, 0.4
TINY = torch.tensor([[2, 1, 0], [0, 1, 2]])  # two documents, three words of vocabulary, six words


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some_counts(documents=12, words=9, seed=0):
    return torch.poisson(torch.full((documents, words), 2.0), generator=seeded(seed)).long()


def tokens(counts):
    """(document, word) of every word, in the sampler's order."""
    return [(d, w) for d, w in product(range(counts.shape[0]), range(counts.shape[1])) for _ in range(counts[d, w])]


def tables(counts, assignment, topics):
    """The counts (D, K) and (K, V) of an assignment of topics to words."""
    n_dk, n_kw = torch.zeros(counts.shape[0], topics), torch.zeros(topics, counts.shape[1])
    for (d, w), k in zip(tokens(counts), assignment, strict=True):
        n_dk[d, k] += 1
        n_kw[k, w] += 1
    return n_dk, n_kw


def urn(counts, assignment, topics):
    """log p(w, z) by Polya's urn: each topic and word is drawn in proportion to how often it came before."""
    n_dk, n_kw = torch.zeros(counts.shape[0], topics), torch.zeros(topics, counts.shape[1])
    total = 0.0
    for (d, w), k in zip(tokens(counts), assignment, strict=True):
        total += log((n_dk[d, k] + ALPHA) / (n_dk[d].sum() + topics * ALPHA))
        total += log((n_kw[k, w] + BETA) / (n_kw[k].sum() + counts.shape[1] * BETA))
        n_dk[d, k] += 1
        n_kw[k, w] += 1
    return total


def enumerated(counts=TINY, topics=2):
    """All assignments and the log p(w, z) of each."""
    every = list(product(range(topics), repeat=len(tokens(counts))))
    return every, torch.stack([log_joint(*tables(counts, z, topics), ALPHA, BETA) for z in every])


# --- latent Dirichlet allocation -------------------------------------------------------------------------------------


def test_log_joint_is_polyas_urn():
    for z in ((0, 1, 2, 0, 0, 2), (1, 1, 1, 1, 1, 1), (2, 0, 1, 1, 0, 2)):
        assert log_joint(*tables(TINY, z, 3), ALPHA, BETA).item() == pytest.approx(urn(TINY, z, 3), abs=1e-5)


def test_the_conditional_is_that_of_the_enumerated_posterior():
    every, log_p = enumerated()
    place = {z: i for i, z in enumerate(every)}
    sampler = CollapsedGibbs(TINY, 2, alpha=ALPHA, beta=BETA, generator=seeded())
    assert list(zip(sampler.documents, sampler.words, strict=True)) == tokens(TINY)
    for _ in range(5):
        sampler.sweep()
        state = sampler.topics
        assert sampler.log_joint() == pytest.approx(log_p[place[tuple(state)]].item(), abs=1e-5)
        for i in range(6):
            alike = [tuple(state[:i] + [k] + state[i + 1 :]) for k in range(2)]
            expected = torch.stack([log_p[place[z]] for z in alike]).softmax(0)
            torch.testing.assert_close(sampler.conditional(i), expected.double(), rtol=1e-5, atol=1e-6)
    assert sampler.topics == state


def test_gibbs_visits_each_assignment_as_often_as_it_should():
    every, log_p = enumerated()
    place = {z: i for i, z in enumerate(every)}
    sampler = CollapsedGibbs(TINY, 2, alpha=ALPHA, beta=BETA, generator=seeded())
    counts, sweeps = torch.zeros(len(every)), 20_000
    for _ in range(sweeps):
        sampler.sweep()
        counts[place[tuple(sampler.topics)]] += 1
    distance = (counts / sweeps - log_p.softmax(0)).abs().sum() / 2
    assert distance < 0.035  # independent draws would give about 0.022


def test_the_counts_of_the_sampler_are_those_of_its_topics():
    counts = some_counts()
    sampler = CollapsedGibbs(counts, 4, alpha=ALPHA, beta=BETA, generator=seeded())
    for _ in range(3):
        sampler.sweep()
    n_dk, n_kw = tables(counts, sampler.topics, 4)
    assert torch.equal(sampler.document_topic_counts(), n_dk.double())
    assert torch.equal(sampler.topic_word_counts(), n_kw.double()) and sampler.topic == n_kw.sum(1).tolist()


@pytest.mark.parametrize("topics", [1, 2, 3])
def test_the_bound_is_never_above_the_evidence(topics):
    evidence = enumerated(topics=topics)[1].logsumexp(0).item()
    for seed in range(5):
        model = LatentDirichletAllocation(topics, alpha=ALPHA, beta=BETA)
        model.fit(TINY, iterations=200, generator=seeded(seed))
        assert model.bound(TINY) <= evidence + 1e-9
        assert model.bound(TINY) > evidence - 4
        if topics == 1:  # then q is the exact posterior
            assert model.bound(TINY) == pytest.approx(evidence, abs=1e-5)


def bound_in_full(counts, gamma, lam):
    """The bound as an expectation over q(z) q(theta) q(phi), term by term, word by word."""
    mean_log_theta = gamma.digamma() - gamma.sum(1, keepdim=True).digamma()
    mean_log_phi = lam.digamma() - lam.sum(1, keepdim=True).digamma()
    total = torch.zeros((), dtype=torch.float64)
    for d, w in tokens(counts):
        scores = mean_log_theta[d] + mean_log_phi[:, w]
        q = scores.softmax(0)
        total = total + (q * scores).sum() - (q * q.log()).sum()
    for parameters, prior, mean_log in ((gamma, ALPHA, mean_log_theta), (lam, BETA, mean_log_phi)):
        size = parameters.shape[1]
        log_b = lgamma(size * prior) - size * lgamma(prior)
        total = total + (log_b + (prior - 1) * mean_log.sum(1)).sum() + Dirichlet(parameters).entropy().sum()
    return total


def test_the_bound_term_by_term_and_flat_at_its_top():
    counts = some_counts(5, 4)
    model = LatentDirichletAllocation(3, alpha=ALPHA, beta=BETA).fit(counts, iterations=1500, generator=seeded())
    gamma, lam = (p.clone().requires_grad_() for p in (model.document_counts, model.topic_counts))
    full = bound_in_full(counts, gamma, lam)
    assert model.bound(counts) == pytest.approx(full.item(), abs=1e-8)
    full.backward()
    assert gamma.grad.abs().max() < 1e-3 and lam.grad.abs().max() < 1e-3


def test_each_iteration_raises_the_bound():
    counts = some_counts()
    model = LatentDirichletAllocation(4).fit(counts, iterations=60, generator=seeded())
    rise = torch.tensor(model.trace).diff()
    assert (rise > -1e-9).all() and rise[0] > 0.01 and model.bound(counts) >= model.trace[-1] - 1e-9


def test_scikit_learn_has_the_same_bound():
    decomposition = pytest.importorskip("sklearn.decomposition")
    counts = draw_documents(torch.eye(4).repeat_interleave(5, 1) / 5, 0.3, 60, 30, generator=seeded())[0]
    x = counts.double().numpy()
    peer = decomposition.LatentDirichletAllocation(
        4, doc_topic_prior=ALPHA, topic_word_prior=BETA, max_iter=40, mean_change_tol=1e-9, max_doc_update_iter=500,
        random_state=0,
    ).fit(x)  # fmt: skip
    model = LatentDirichletAllocation(4, alpha=ALPHA, beta=BETA)
    model.topic_counts = torch.tensor(peer.components_)
    gamma = model.infer(counts, iterations=500)
    torch.testing.assert_close(gamma, torch.tensor(peer._unnormalized_transform(x)), rtol=1e-4, atol=1e-4)
    assert model.bound(counts, gamma) == pytest.approx(peer.score(x), rel=1e-7)
    models = [LatentDirichletAllocation(4, alpha=ALPHA, beta=BETA) for _ in range(3)]
    own = max(model.fit(counts, generator=seeded(seed)).bound(counts) for seed, model in enumerate(models))
    assert own == pytest.approx(peer.score(x), rel=0.005)


def bars():
    """The ten topics of Griffiths and Steyvers, (10, 25): rows and columns of a square."""
    square = torch.zeros(10, 5, 5)
    for i in range(5):
        square[i, i], square[5 + i, :, i] = 0.2, 0.2
    return square.flatten(1)


def off(model):
    """For each topic found, the nearest bar and the total variation distance from it."""
    distance = torch.cdist(model.topic_words.float(), bars(), p=1) / 2  # (10, 10)
    return sorted(distance.argmin(1).tolist()), distance.amin(1).max()


def test_gibbs_finds_the_bars_again():
    counts, _ = draw_documents(bars(), 0.5, 100, 60, generator=seeded())
    model = LatentDirichletAllocation(10, alpha=0.5, beta=0.1)
    nearest, distance = off(model.fit(counts, method="gibbs", iterations=60, generator=seeded()))
    assert nearest == list(range(10)) and distance < 0.2
    assert len(model.trace) == 60 and model.trace[-1] > model.trace[0] + 1000


def test_the_best_of_several_ascents_finds_the_bars_again():
    counts, _ = draw_documents(bars(), 0.3, 400, 100, generator=seeded())
    models = []
    for seed in range(4):  # coordinate ascent may stop on a lower hill; the bound tells
        model = LatentDirichletAllocation(10, alpha=0.3, beta=0.1)
        models.append(model.fit(counts, iterations=150, generator=seeded(seed)))
    nearest, distance = off(max(models, key=lambda model: model.trace[-1]))
    assert nearest == list(range(10)) and distance < 0.1


def test_new_documents_are_inferred_each_on_its_own():
    counts = some_counts()
    model = LatentDirichletAllocation(3).fit(counts, generator=seeded())
    alone = torch.cat([model.infer(row.unsqueeze(0)) for row in counts])
    torch.testing.assert_close(model.infer(counts), alone)
    torch.testing.assert_close(alone.sum(1), counts.sum(1).double() + 3 * 0.1)
    torch.testing.assert_close(model.predict(counts).sum(1), torch.ones(12, dtype=torch.float64))


def test_samples_have_the_topics_words():
    model = LatentDirichletAllocation(2, alpha=1.0)
    model.topic_counts = torch.tensor([[1e6, 1e6, 1e-3, 1e-3], [1e-3, 1e-3, 3e6, 1e6]], dtype=torch.float64)
    drawn = model.sample(4000, 25, generator=seeded())
    assert drawn.shape == (4000, 4) and (drawn.sum(1) == 25).all()
    expected = torch.tensor([0.25, 0.25, 0.375, 0.125])
    torch.testing.assert_close(drawn.sum(0) / drawn.sum(), expected, rtol=0, atol=0.02)
    assert torch.equal(drawn, model.sample(4000, 25, generator=seeded()))


# --- PLSA ------------------------------------------------------------------------------------------------------------


def em_step_by_loops(counts, theta, phi):
    """One iteration with the responsibilities of every single word written out."""
    new_theta, new_phi = torch.zeros_like(theta), torch.zeros_like(phi)
    for d, w in tokens(counts):
        r = theta[d] * phi[:, w] / (theta[d] * phi[:, w]).sum()
        new_theta[d] += r
        new_phi[:, w] += r
    return new_theta / new_theta.sum(1, keepdim=True), new_phi / new_phi.sum(1, keepdim=True)


def test_em_is_em():
    counts = some_counts(6, 5)
    before, after = (PLSA(3).fit(counts, iterations=n, generator=seeded()) for n in (4, 5))
    theta, phi = em_step_by_loops(counts, before.document_topics, before.topic_words)
    torch.testing.assert_close(after.document_topics, theta)
    torch.testing.assert_close(after.topic_words, phi)


def test_the_likelihood_never_falls_and_is_that_of_the_words():
    counts = some_counts()
    model = PLSA(4).fit(counts, iterations=80, generator=seeded())
    assert (torch.tensor(model.log_likelihoods).diff() > -1e-9).all()
    by_hand = sum(log((model.document_topics[d] * model.topic_words[:, w]).sum()) for d, w in tokens(counts))
    assert model.log_prob(counts).sum().item() == pytest.approx(by_hand)
    assert model.log_likelihoods[-1] <= by_hand


def test_known_solutions():
    counts = some_counts()
    one = PLSA(1).fit(counts, iterations=3, generator=seeded())
    torch.testing.assert_close(one.topic_words[0], (counts.sum(0) / counts.sum()).double(), rtol=1e-6, atol=1e-8)
    blocks = torch.tensor([[4, 2, 0, 0], [8, 4, 0, 0], [0, 0, 3, 9], [0, 0, 1, 3]])
    two = PLSA(2).fit(blocks, iterations=500, generator=seeded())
    exact = torch.special.xlogy(blocks, blocks / blocks.sum(1, keepdim=True)).sum()
    assert two.log_prob(blocks).sum().item() == pytest.approx(exact.item(), abs=1e-4)


def test_folding_in_finds_the_best_mixture():
    model = PLSA(2).fit(some_counts(), iterations=50, generator=seeded())
    new = some_counts(3, 9, seed=5)
    share = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    grid = torch.stack([share, 1 - share], dim=1) @ model.topic_words  # (G, V)
    best = torch.special.xlogy(new.double().unsqueeze(1), grid).sum(2).amax(1)  # (3,)
    folded = model.fold_in(new, iterations=3000)
    torch.testing.assert_close(model.log_prob(new, folded), best, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.predict(new).sum(1), torch.ones(3, dtype=torch.float64))


# --- what they share -------------------------------------------------------------------------------------------------


def test_perplexity_by_hand():
    counts = torch.tensor([[3, 1, 0, 0]])
    assert perplexity(torch.full((1, 4), 0.25), counts) == pytest.approx(4)
    assert perplexity(torch.tensor([0.5, 0.5, 0, 0]), counts) == pytest.approx(2)
    assert perplexity(torch.tensor([0.5, 0.125, 0.2, 0.175]), counts) == pytest.approx(64 ** (1 / 4))
    assert perplexity(torch.tensor([1.0, 0, 0, 0]), counts) == float("inf")


def test_words_are_split_without_loss():
    counts = some_counts(200, 30)
    first, second = split_words(counts, generator=seeded())
    assert torch.equal(first + second, counts) and (first >= 0).all() and (second >= 0).all()
    assert first.dtype == counts.dtype and first.sum() / counts.sum() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(first, split_words(counts, generator=seeded())[0])


def test_drawn_documents_are_a_dirichlet_mixture():
    counts, shares = draw_documents(torch.eye(3), 0.5, 20_000, 4, generator=seeded())
    assert (counts.sum(1) == 4).all()
    # The variance of a share under Dirichlet(a, a, a) is 2 / (9 (3 a + 1)); a count's follows from it.
    assert shares.var(0).mean().item() == pytest.approx(2 / (9 * 2.5), rel=0.03)
    variance = 4 * (1 / 3) * (2 / 3) * (4 + 1.5) / (1 + 1.5)
    assert counts.double().var(0).mean().item() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (torch.zeros(3), "must have shape"),
        (torch.tensor([[1.0, -1.0]]), "none negative"),
        (torch.tensor([[0.5]]), "whole numbers"),
        (torch.tensor([[float("nan")]]), "whole numbers"),
    ],
)
def test_what_is_no_count_is_refused(counts, said):
    for fit in (PLSA(2).fit, LatentDirichletAllocation(2).fit):
        with pytest.raises(ValueError, match=said):
            fit(counts)
    with pytest.raises(ValueError, match=said):
        CollapsedGibbs(counts, 2, alpha=1, beta=1)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="must be positive, were 0 and 1"):
        LatentDirichletAllocation(2, alpha=0, beta=1)
    with pytest.raises(ValueError, match="was 'exact'"):
        LatentDirichletAllocation(2).fit(TINY, method="exact")
    assert not torch.isnan(PLSA(2).fit(torch.tensor([[1, 2], [0, 0]]), generator=seeded()).document_topics).any()

"""Divergences against torch.distributions, closed forms and cases worked by hand."""

import math

import pytest
import torch
from torch.distributions import Categorical, Normal
from torch.distributions import kl_divergence as torch_kl

from coursekit.density import jensen_shannon, kl_divergence

INF = float("inf")


@pytest.fixture
def two_batches():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64)
    return logits.log_softmax(dim=-1)  # (2, 5, 7)


def test_kl_of_categoricals_equals_torch(two_batches):
    log_p, log_q = two_batches
    expected = torch_kl(Categorical(logits=log_p), Categorical(logits=log_q))
    torch.testing.assert_close(kl_divergence(log_p, log_q), expected)


def test_kl_of_densities_on_a_grid_equals_the_closed_form():
    x = torch.linspace(-20, 20, 4001, dtype=torch.float64)
    p, q = Normal(-1.0, 0.7), Normal(0.5, 1.5)
    found = kl_divergence(p.log_prob(x), q.log_prob(x), cell=0.01)
    assert found.item() == pytest.approx(torch_kl(p, q).item(), rel=1e-6)


def test_a_state_that_p_never_visits_adds_nothing():
    log_p = torch.tensor([0.5, 0.5, 0.0]).log()
    log_q = torch.tensor([0.25, 0.25, 0.5]).log()
    assert kl_divergence(log_p, log_q).item() == pytest.approx(math.log(2))
    both_zero = torch.tensor([0.5, 0.5, 0.0]).log()
    assert kl_divergence(log_p, both_zero).item() == 0.0


def test_a_state_that_only_p_visits_makes_kl_infinite():
    log_p = torch.tensor([0.5, 0.5]).log()
    log_q = torch.tensor([1.0, 0.0]).log()
    assert kl_divergence(log_p, log_q).item() == INF


def test_densities_that_underflow_do_no_harm():
    x = torch.linspace(-60, 60, 12001)  # float32: exp(-60 ** 2 / 2) is zero
    p, q = Normal(0.0, 1.0), Normal(0.0, 0.5)
    assert (q.log_prob(x).exp() == 0).any()
    found = kl_divergence(p.log_prob(x), q.log_prob(x), cell=0.01)
    assert found.item() == pytest.approx(torch_kl(p, q).item(), rel=1e-4)


def test_gradients_are_finite_where_p_is_zero():
    log_p = torch.tensor([0.5, 0.5, 0.0]).log().requires_grad_()
    logits = torch.zeros(3, requires_grad=True)
    kl_divergence(log_p, logits.log_softmax(dim=0)).backward()
    assert log_p.grad.isfinite().all()
    torch.testing.assert_close(logits.grad, torch.full((3,), 1 / 3) - torch.tensor([0.5, 0.5, 0.0]))


def test_jensen_shannon_is_symmetric_and_bounded(two_batches):
    log_p, log_q = two_batches
    found = jensen_shannon(log_p, log_q)
    torch.testing.assert_close(found, jensen_shannon(log_q, log_p))
    assert (found > 0).all() and (found < math.log(2)).all()
    torch.testing.assert_close(jensen_shannon(log_p, log_p), torch.zeros(5, dtype=torch.float64), atol=1e-12, rtol=0)


def test_jensen_shannon_of_disjoint_supports_is_log_two():
    log_p = torch.tensor([0.5, 0.5, 0.0, 0.0]).log()
    log_q = torch.tensor([0.0, 0.0, 0.1, 0.9]).log()
    assert jensen_shannon(log_p, log_q).item() == pytest.approx(math.log(2))


def test_jensen_shannon_by_hand():
    log_p, log_q = torch.tensor([1.0, 0.0]).log(), torch.tensor([0.5, 0.5]).log()
    by_hand = 0.5 * math.log(4 / 3) + 0.5 * (0.5 * math.log(2 / 3) + 0.5 * math.log(2))
    assert jensen_shannon(log_p, log_q).item() == pytest.approx(by_hand)

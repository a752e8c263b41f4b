"""FVSBN, NADE and MADE against their formulas, written out one dimension at a time."""

import math

import numpy as np
import pytest
import torch

from coursekit.autoregressive import FVSBN, MADE, NADE


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def binary(n, *event, seed=3):
    return torch.randint(2, (n, *event), generator=torch.Generator().manual_seed(seed)).double()


def test_an_fvsbn_is_as_many_logistic_regressions_as_pixels(randomised):
    model = randomised(FVSBN((1, 28, 28)), scale=0.05).double()
    images = binary(3, 1, 28, 28)
    model.loss(images).backward()
    x, weight, bias = images.flatten(1).numpy(), model.weight[:, 0].detach().numpy(), model.bias[:, 0].detach().numpy()
    log_prob = np.zeros(3)
    for i in range(784):
        p = sigmoid(bias[i] + x[:, :i] @ weight[i, :i])  # sums over the pixels before i: they end at i - 1
        log_prob += np.log(np.where(x[:, i] == 1, p, 1 - p))
        np.testing.assert_allclose(model.weight.grad[i, 0, :i], x[:, :i].T @ (p - x[:, i]) / 3, atol=1e-12)
        assert (model.weight.grad[i, 0, i:] == 0).all()
        np.testing.assert_allclose(model.bias.grad[i, 0], (p - x[:, i]).mean(), atol=1e-12)
    np.testing.assert_allclose(model.log_prob(images).detach(), log_prob, rtol=1e-12)


@pytest.mark.parametrize("event", [(1, 3, 4), (3, 2, 2)])
def test_nade_follows_its_formula(event, randomised):
    model = randomised(NADE(event, hidden=6)).double()
    images = binary(5, *event)
    W, c = model.weight.detach().numpy(), model.hidden_bias.detach().numpy()
    V, b = model.output_weight[:, 0].detach().numpy(), model.bias[:, 0].detach().numpy()
    x = images.movedim(1, -1).flatten(1).numpy()  # rows, columns, channels
    log_prob = np.zeros(5)
    for i in range(12):
        h = sigmoid(c + x[:, :i] @ W[:i])
        p = sigmoid(b[i] + h @ V[i])
        log_prob += np.log(np.where(x[:, i] == 1, p, 1 - p))
    np.testing.assert_allclose(model.log_prob(images).detach(), log_prob, rtol=1e-12)


def test_made_is_a_network_with_masked_weights(randomised):
    model = randomised(MADE((1, 2, 2), (6,))).double()
    images = binary(5, 1, 2, 2)
    x = images.flatten(1).numpy()
    W, c = (p.detach().numpy() for p in model.layers[0].parameters())
    V, b = (p.detach().numpy() for p in model.layers[1].parameters())
    degree = [1, 1, 2, 2, 3, 3]
    expected = np.zeros((5, 4))
    for d in range(4):
        for unit in range(6):
            if degree[unit] <= d:
                h = np.maximum(0, c[unit] + x[:, : degree[unit]] @ W[unit, : degree[unit]])
                expected[:, d] += V[d, unit] * h
    np.testing.assert_allclose(model.logits(images).flatten(1).detach(), expected + b, rtol=1e-12)


def test_several_orderings_are_a_mixture_of_probabilities(randomised, every_image):
    model = randomised(MADE((1, 2, 2), (12,), orderings=4), scale=1.0)
    images = every_image((1, 2, 2), 2)
    parts = []
    for m in range(4):
        with model.in_order(m):
            parts.append(model.log_prob(images))
            assert parts[-1].exp().sum().item() == pytest.approx(1, abs=1e-5)
    parts = torch.stack(parts)
    assert (parts - parts[0]).abs().max() > 0.1  # they are four distributions
    torch.testing.assert_close(model.log_prob(images), parts.exp().mean(dim=0).log())
    assert parts.mean(dim=0).exp().sum() < 0.99  # the mean of log-probabilities is none


def test_each_ordering_of_a_mixture_sees_what_comes_before_in_it(dependency):
    model = MADE((1, 2, 3), (15, 15), orderings=3)
    assert model.orderings[0] == list(range(6))
    assert all(sorted(order) == list(range(6)) for order in model.orderings)
    assert len({tuple(order) for order in model.orderings}) == 3
    for m, order in enumerate(model.orderings):
        with model.in_order(m):
            expected = [[order.index(j) < order.index(i) for j in range(6)] for i in range(6)]
            assert dependency(model).tolist() == expected
            assert model.order == order
    assert model.order == list(range(6))


def test_an_order_of_ones_own(dependency, randomised, every_image):
    order = [3, 0, 5, 1, 4, 2]
    assert dependency(MADE((1, 2, 3), (15, 15), order=order)).tolist() == [
        [order.index(j) < order.index(i) for j in range(6)] for i in range(6)
    ]
    model = randomised(MADE((1, 2, 3), (15,), order=order), scale=1.0)
    assert model.log_prob(every_image((1, 2, 3), 2)).exp().sum().item() == pytest.approx(1, abs=1e-5)
    draws = [model.sample(20, generator=torch.Generator().manual_seed(0), cached=cached) for cached in (True, False)]
    assert torch.equal(*draws)
    with pytest.raises(ValueError, match="order must name each of 6 dimensions once"):
        MADE((1, 2, 3), order=[0, 1, 2, 3, 4, 4])


def test_orderings_are_the_same_for_every_model_of_a_shape():
    torch.manual_seed(0)
    first = MADE((1, 3, 3), (9,), orderings=5).orderings
    torch.manual_seed(1)
    assert MADE((1, 3, 3), (9,), orderings=5).orderings == first


def test_training_a_mixture_takes_one_ordering_a_batch(randomised):
    model = randomised(MADE((1, 2, 2), (12,), orderings=3), scale=1.0)
    x = binary(6, 1, 2, 2).float()
    losses = []
    for m in range(3):
        with model.in_order(m):
            losses.append(model.loss(x).item())
    assert model.loss(x).item() == pytest.approx(-model.log_prob(x).mean().item())
    model.train()
    torch.manual_seed(0)
    seen = {round(model.loss(x).item(), 4) for _ in range(40)}
    assert seen == {round(loss, 4) for loss in losses}
    assert sum(losses) / 3 >= -model.log_prob(x).mean().item()
    assert model.ordering is None and model.order == model.orderings[0]


def test_what_made_needs():
    for hidden, orderings in [((), 1), ((5,), 0)]:
        with pytest.raises(ValueError, match="MADE: hidden and orderings must not be empty"):
            MADE((1, 2, 2), hidden, orderings=orderings)


def test_a_model_of_zeros_gives_every_image_the_same_probability():
    x = binary(3, 1, 4, 4).float()
    assert FVSBN((1, 4, 4)).log_prob(x).tolist() == pytest.approx([-16 * math.log(2)] * 3, rel=1e-6)

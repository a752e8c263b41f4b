"""The product that skips what is masked, against the plain one: values, gradients, lower precision."""

import pytest
import torch
from torch.nn.functional import linear

from coursekit.autoregressive.staircase import masked_linear, reach_of


def masks():
    random = torch.Generator().manual_seed(0)
    return {
        "staircase": torch.ones(19, 11).tril(-1) > 0,
        "no staircase": torch.rand(19, 11, generator=random) < 0.3,
        "one row": torch.ones(1, 4) > 0,
        "nothing": torch.zeros(5, 3) > 0,
    }


@pytest.fixture(autouse=True)
def fresh_memory_is_nan():
    """Else it is often zero, and what nobody wrote would pass for a zero gradient."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("kind", masks())
def test_it_is_the_plain_product_with_its_gradients(kind):
    mask = masks()[kind]
    random = torch.Generator().manual_seed(1)
    shapes = (7, mask.shape[1]), tuple(mask.shape), (len(mask),)
    x, weight, bias = (torch.randn(*s, generator=random).double().requires_grad_() for s in shapes)
    ours = masked_linear(x, weight, bias, mask.double(), reach_of(mask))
    plain = linear(x, weight * mask, bias)
    torch.testing.assert_close(ours, plain)
    g = torch.randn(plain.shape, generator=random).double()
    for mine, expected in zip(
        torch.autograd.grad(ours, (x, weight, bias), g), torch.autograd.grad(plain, (x, weight, bias), g), strict=True
    ):
        torch.testing.assert_close(mine, expected)


def test_a_staircase_saves_more_than_a_third_of_the_work():
    reach = reach_of(torch.ones(64, 64).tril(-1) > 0)
    assert reach == [(8 * k, 8 * k + 7) for k in range(8)]  # what the first and the last row of each block of 8 see
    assert 8 * sum(end for _, end in reach) < 0.6 * 64 * 64


def test_under_autocast_it_computes_in_bfloat16_and_gives_gradients_in_float32():
    mask = masks()["staircase"].float()
    x, weight, bias = torch.randn(7, 11), torch.randn(19, 11, requires_grad=True), torch.zeros(19, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        output = masked_linear(x, weight, bias, mask, reach_of(mask))
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), linear(x, weight * mask), rtol=0.02, atol=0.1)
    output.float().sum().backward()
    assert weight.grad.dtype == bias.grad.dtype == torch.float32
    torch.testing.assert_close(weight.grad, x.sum(0) * mask, rtol=0.02, atol=0.1)

"""Mu-law against its formula, its inverse, and a table worked out by hand."""

import math

import pytest
import torch

from coursekit import data


def test_the_formula():
    wave = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    compressed = [math.copysign(math.log(1 + 255 * abs(w)) / math.log(256), w) for w in wave.tolist()]
    expected = [round((c + 1) / 2 * 255) for c in compressed]
    assert torch.equal((data.mu_law(wave) * 255).round().long(), torch.tensor(expected))


def test_values_by_hand():
    assert data.mu_law(torch.tensor([-1.0, 1.0])).tolist() == [0.0, 1.0]
    half = data.mu_law(torch.tensor([15 / 255], dtype=torch.float64)).item()  # log 16 / log 256 is a half
    assert half == round(0.75 * 255) / 255
    assert data.from_mu_law(torch.tensor([0.75], dtype=torch.float64)).item() == pytest.approx(15 / 255)


@pytest.mark.parametrize("levels", [16, 256])
def test_every_level_comes_back(levels):
    x = torch.arange(levels) / (levels - 1)
    assert torch.allclose(data.mu_law(data.from_mu_law(x, levels), levels), x, atol=1e-6)
    assert torch.equal(data.from_mu_law(x, levels).sort().values, data.from_mu_law(x, levels))


def test_the_error_is_half_a_step_at_most():
    wave = torch.linspace(-1, 1, 5001, dtype=torch.float64)
    back = data.from_mu_law(data.mu_law(wave))
    slope = 255 / (math.log(256) * (1 + 255 * torch.minimum(wave.abs(), back.abs())))  # the curve is steepest inside
    assert ((back - wave).abs() * 255 / (math.log(256) * (1 + 255 * torch.maximum(wave.abs(), back.abs())))
            <= 1 / 255 + 1e-9).all()  # fmt: skip
    assert (slope > 0).all()


def test_signs_are_mirrored():
    wave = torch.rand(100, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(data.mu_law(wave) + data.mu_law(-wave), torch.ones(100), atol=1e-6)


def test_other_waves_are_refused():
    for wrong in (1.01, float("nan")):
        with pytest.raises(ValueError, match=r"mu_law: the wave must lie in \[-1, 1\]"):
            data.mu_law(torch.tensor([0.0, wrong]))

"""The discretised mixture of logistics: exactly normalised, its edges, its colours, its extremes."""

import math

import pytest
import torch
from torch.distributions import AffineTransform, SigmoidTransform, TransformedDistribution, Uniform

from coursekit.distributions import DiscretizedLogisticMixture


def mixture(channels=1, parts=3, levels=256, batch=(), seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    output = torch.randn(*batch, DiscretizedLogisticMixture.outputs(channels, parts), generator=generator, dtype=dtype)
    return DiscretizedLogisticMixture.from_output(output, channels, levels)


def every_pixel(levels, channels):
    return torch.cartesian_prod(*[torch.arange(levels)] * channels).view(-1, channels).double() / (levels - 1)


@pytest.mark.parametrize(("levels", "channels"), [(2, 1), (256, 1), (16, 2), (8, 3), (2, 3)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_probabilities_of_all_pixels_sum_to_one(levels, channels, seed):
    pixel = mixture(channels, levels=levels, seed=seed)
    assert pixel.log_prob(every_pixel(levels, channels)).logsumexp(0).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("log_scale", [-60.0, -20.0, -7.0, 0.0, 7.0, 30.0])
@pytest.mark.parametrize("mean", [-3.0, -1.0, 0.1234, 1.0, 50.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_scale_and_no_mean_breaks_it(log_scale, mean, dtype):
    means = torch.full((1, 1), mean, dtype=dtype, requires_grad=True)
    log_scales = torch.full((1, 1), log_scale, dtype=dtype, requires_grad=True)
    log_prob = DiscretizedLogisticMixture(torch.zeros(1, dtype=dtype), means, log_scales).log_prob(
        every_pixel(256, 1).to(dtype)
    )
    assert log_prob.isfinite().all()
    assert log_prob.logsumexp(0).item() == pytest.approx(0, abs=1e-4 if dtype == torch.float32 else 1e-10)
    log_prob.sum().backward()
    assert means.grad.isfinite().all() and log_scales.grad.isfinite().all()


def logistic(mean, scale):
    zero, one = torch.tensor(0.0).double(), torch.tensor(1.0).double()
    return TransformedDistribution(Uniform(zero, one), [SigmoidTransform().inv, AffineTransform(mean, scale)])


def test_a_level_has_the_mass_between_its_edges_and_the_outer_ones_all_beyond():
    weights, means, scales = [0.3, 0.7], [-0.2, 0.5], [0.1, 0.3]
    pixel = DiscretizedLogisticMixture(
        torch.tensor(weights).double().log(),
        torch.tensor([means]).double(),
        torch.tensor([scales]).double().log(),
        levels=5,
    )
    edges = torch.tensor([-0.75, -0.25, 0.25, 0.75]).double()  # levels at -1, -0.5, 0, 0.5, 1
    cumulative = sum(w * logistic(m, s).cdf(edges) for w, m, s in zip(weights, means, scales, strict=True))
    expected = torch.cat([cumulative, torch.ones(1)]) - torch.cat([torch.zeros(1), cumulative])
    torch.testing.assert_close(pixel.log_prob(every_pixel(5, 1)).exp(), expected)


def test_the_mean_of_a_channel_follows_the_channels_before_it():
    means = torch.tensor([[0.1], [0.2], [0.3]], dtype=torch.float64)
    coefficients = torch.tensor([[0.5], [-0.4], [0.7]], dtype=torch.float64)
    pixel = DiscretizedLogisticMixture(
        torch.zeros(1).double(), means, torch.full((3, 1), -2.0).double(), coefficients, levels=11
    )
    red, green, blue = 0.8, -0.4, 0.6
    value = (torch.tensor([red, green, blue], dtype=torch.float64) + 1) / 2
    expected = [0.1, 0.2 + 0.5 * red, 0.3 - 0.4 * red + 0.7 * green]
    assert pixel.conditional_means(value).squeeze(-1).tolist() == pytest.approx(expected)
    scale, total = math.exp(-2), 0.0
    for x, mean in zip((red, green, blue), expected, strict=True):
        shifted = logistic(mean, scale)
        total += (
            (shifted.cdf(torch.tensor(x + 0.1).double()) - shifted.cdf(torch.tensor(x - 0.1).double())).log().item()
        )
    assert pixel.log_prob(value).item() == pytest.approx(total, rel=1e-6)


def test_the_parts_are_chosen_for_the_pixel_not_for_each_channel():
    sharp = torch.full((2, 2), -7.0)
    pixel = DiscretizedLogisticMixture(torch.zeros(2), torch.tensor([[-0.5, 0.5], [-0.5, 0.5]]), sharp, levels=5)
    values = torch.tensor([[0.25, 0.25], [0.75, 0.75], [0.25, 0.75]])
    assert pixel.log_prob(values)[:2].exp().tolist() == pytest.approx([0.5, 0.5], abs=1e-4)
    assert pixel.log_prob(values)[2] < -20


@pytest.mark.parametrize(("levels", "channels"), [(8, 3), (2, 2), (32, 1)])
def test_the_conditionals_of_the_channels_multiply_to_the_pixel(levels, channels):
    pixel, values = mixture(channels, levels=levels), every_pixel(levels, channels)
    total = 0.0
    for c in range(channels):
        logits = pixel.level_logits(values.masked_fill(torch.arange(channels) >= c, 0.0), c)  # (pixels, levels)
        torch.testing.assert_close(logits.logsumexp(dim=-1), torch.zeros(len(values)).double())
        level = (values[:, c] * (levels - 1)).round().long()
        conditional = logits.gather(-1, level.unsqueeze(-1)).squeeze(-1)
        torch.testing.assert_close(pixel.log_conditionals(values)[:, c], conditional)
        total = total + conditional
    torch.testing.assert_close(pixel.log_prob(values), total)


@pytest.mark.parametrize(("levels", "channels"), [(4, 3), (2, 2), (16, 1)])
def test_draws_come_as_often_as_their_probability_says(levels, channels):
    pixel, n = mixture(channels, levels=levels), 20_000
    draws = pixel.sample((n,), generator=torch.Generator().manual_seed(0))
    assert draws.shape == (n, channels)
    levels_drawn = (draws * (levels - 1)).round().long()
    index = sum(levels_drawn[:, c] * levels ** (channels - 1 - c) for c in range(channels))
    frequency = torch.bincount(index, minlength=levels**channels).double() / n
    p = pixel.log_prob(every_pixel(levels, channels)).exp()
    assert ((frequency - p).abs() <= 4.5 * (p / n).sqrt() + 2 / n).all()


def test_shapes_of_a_batch_of_images():
    pixels = mixture(3, batch=(2, 4, 5), dtype=torch.float32)
    assert pixels.batch_shape == (2, 4, 5) and pixels.event_shape == (3,)
    draws = pixels.sample((7,), generator=torch.Generator().manual_seed(0))
    assert draws.shape == (7, 2, 4, 5, 3)
    assert pixels.log_prob(draws).shape == (7, 2, 4, 5)
    torch.testing.assert_close(pixels.log_prob(draws)[3], pixels.log_prob(draws[3]))
    assert pixels.level_logits(draws[0], 2).shape == (2, 4, 5, 256)


def test_gradients_are_those_of_finite_differences():
    values = every_pixel(4, 2)[::3]

    def log_prob(output):
        return DiscretizedLogisticMixture.from_output(output, 2, levels=4).log_prob(values)

    output = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(log_prob, (output,))


def test_what_it_refuses():
    with pytest.raises(ValueError, match="levels must be between 2 and 256, was 1"):
        mixture(levels=1)
    with pytest.raises(ValueError, match="output must have a multiple of 10 features for 3 channels, had 12"):
        DiscretizedLogisticMixture.from_output(torch.zeros(12), 3)
    with pytest.raises(ValueError, match="x must hold 4 levels"):
        mixture(levels=4).log_prob(torch.tensor([0.5]).double())


def test_how_a_network_s_output_is_read():
    output = torch.arange(20.0).view(10, 2) - 10  # 10 rows of 2 parts: logits, 3 means, 3 log-scales, 3 coefficients
    pixel = DiscretizedLogisticMixture.from_output(output.flatten(), 3)
    assert DiscretizedLogisticMixture.outputs(3, 2) == 20
    assert torch.equal(pixel.logits, output[0]) and torch.equal(pixel.means, output[1:4])
    assert torch.equal(pixel.log_scales, output[4:7].clamp(min=-7))
    torch.testing.assert_close(pixel.coefficients, output[7:10].tanh())
    low = DiscretizedLogisticMixture.from_output(torch.tensor([0.0, 0.0, -9.0]), 1)
    assert low.log_scales.tolist() == [[-7.0]]

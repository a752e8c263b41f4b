"""PixelCNN++: a distribution, whole pixels in raster order, no blind spot, and each change that can be taken back."""

import itertools
from dataclasses import fields

import pytest
import torch
from scipy.stats import chisquare
from torch.nn.functional import conv2d, elu

import coursekit as ck
from coursekit.autoregressive import Changes, PixelCNNPlusPlus
from coursekit.autoregressive.pixelcnnpp import Enlarge2d, SoftmaxPixel, StreamConv2d

VARIANTS = {"all": Changes()} | {f"without {f.name}": Changes(**{f.name: False}) for f in fields(Changes)}
VARIANTS["softmax, channels apart"] = Changes(mixture=False, whole_pixels=False)
SPACES = {
    "binary": ((1, 2, 3), 2),
    "4 levels": ((1, 2, 2), 4),
    "colour": ((3, 1, 2), 3),
    "colour, binary": ((3, 2, 1), 2),
}


def build(event, levels, changes=None, **options):
    sizes = {"width": 6, "mixtures": 2, "halvings": 1} | options
    return PixelCNNPlusPlus(event, levels=levels, changes=changes, **sizes)


def every_variant(*spaces):
    return pytest.mark.parametrize(("variant", "space"), list(itertools.product(VARIANTS, spaces or SPACES)))


@pytest.fixture
def model_of(randomised):
    return lambda variant, space, seed=0, scale=0.35: randomised(build(*SPACES[space], VARIANTS[variant]), seed, scale)


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


@every_variant()
def test_the_probabilities_of_all_images_sum_to_one(variant, space, model_of, every_image):
    for seed in (0, 1):
        model = model_of(variant, space, seed)
        assert model.log_prob(every_image(*SPACES[space])).double().logsumexp(0).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != "without shortcuts"])
@pytest.mark.parametrize(("event", "levels"), [((1, 5, 6), 2), ((3, 3, 4), 3)])
def test_a_dimension_depends_on_all_before_it_and_on_nothing_else(variant, event, levels, dependency):
    channels, height, width = event  # the number of each dimension in raster order, R, G, B innermost, by hand:
    number = [(i * width + j) * channels + c for c in range(channels) for i in range(height) for j in range(width)]
    expected = [[j < i for j in number] for i in number]
    assert dependency(build(event, levels, VARIANTS[variant], blocks=3)).tolist() == expected


def test_without_shortcuts_what_lies_in_the_same_square_is_not_seen(dependency):
    seen = dependency(build((1, 4, 4), 2, Changes(shortcuts=False), blocks=3)).view(4, 4, 4, 4)
    number = torch.arange(16).view(4, 4)
    assert not (seen & (number >= number.view(4, 4, 1, 1))).any()  # still in raster order
    assert not seen[1, 1, 1, 0] and not seen[1, 1, 0, 1] and seen[2, 2].sum() == 10


def test_green_and_blue_follow_the_pixel_through_the_mixture_alone():
    """One output of the network a pixel: no feature, nor any parameter, depends on a channel of the same pixel."""
    torch.manual_seed(0)
    model = build((3, 2, 3), 4).double().eval()
    jacobian = torch.autograd.functional.jacobian(model.output, torch.rand(1, 3, 2, 3, dtype=torch.float64))
    for i, j in itertools.product(range(2), range(3)):
        seen = jacobian[0, i, j, :, 0].ne(0).any(dim=0)  # (3, H, W)
        assert seen.tolist() == [[[i2 * 3 + j2 < i * 3 + j for j2 in range(3)] for i2 in range(2)]] * 3


@every_variant("binary", "4 levels", "colour")
def test_the_steps_are_those_of_the_plain_loop(variant, space, model_of):
    model = model_of(variant, space)
    draws = model.sample(40, generator=seeded())
    assert torch.equal(draws, model.sample(40, generator=seeded(), cached=False))
    assert torch.equal(draws[:7], model.sample(7, generator=seeded()))
    assert not torch.equal(draws, model.sample(40, generator=seeded(2)))
    assert draws.shape == (40, *model.event_shape) and (draws != draws[0]).any()


def test_the_network_runs_once_a_pixel(randomised, monkeypatch):
    for changes, passes in ((Changes(), 6), (Changes(whole_pixels=False), 18)):
        model = randomised(build((3, 2, 3), 4, changes))
        calls, output = [], model.output
        monkeypatch.setattr(model, "output", lambda x, output=output, calls=calls: calls.append(x.shape) or output(x))
        monkeypatch.setattr(model, "_too_close", lambda distance: [])
        model.sample(3, generator=seeded())
        assert len(calls) == passes and calls[0] == (3, 3, 1, 3)


@every_variant("4 levels", "colour")
def test_draws_come_as_often_as_their_probability_says(variant, space, model_of, every_image):
    model, images = model_of(variant, space, scale=0.4), every_image(*SPACES[space])
    draws = model.sample(3000, generator=seeded())
    same = (draws.flatten(1).unsqueeze(1) == images.flatten(1)).all(dim=2)
    assert same.any(dim=1).all()
    counts, expected = same.sum(0).double(), model.log_prob(images).exp().detach().double() * 3000
    often = expected >= 5
    counts = torch.cat([counts[often], counts[~often].sum(0, keepdim=True)])
    expected = torch.cat([expected[often], expected[~often].sum(0, keepdim=True)])
    counts, expected = counts[expected > 0], expected[expected > 0]
    assert len(counts) > 5
    assert chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-3


@every_variant("binary", "4 levels", "colour")
def test_logits_and_conditionals_agree(variant, space, model_of, every_image):
    model, x = model_of(variant, space), every_image(*SPACES[space])[::7]
    levels = SPACES[space][1]
    logits = model.logits(x)
    rows = torch.stack([torch.zeros_like(logits), logits], dim=-1) if levels == 2 else logits
    level = (x * (levels - 1)).round().long().unsqueeze(-1)
    expected = rows.log_softmax(-1).gather(-1, level).squeeze(-1)
    torch.testing.assert_close(model.log_conditionals(x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.log_prob(x), model.log_conditionals(x).flatten(1).sum(1))
    torch.testing.assert_close(model.log_prob(x[:1]), model.log_prob(x)[:1])


def test_the_logits_of_the_softmax_are_linear_in_the_channels_before():
    rows, value = torch.randn(4, 6, 5, generator=seeded()), torch.randint(5, (4, 3), generator=seeded()) / 4
    r, g = 2 * value[:, :1] - 1, 2 * value[:, 1:2] - 1
    blue = rows[:, 2] + rows[:, 4] * r + rows[:, 5] * g
    for channel, expected in enumerate([rows[:, 0], rows[:, 1] + rows[:, 3] * r, blue]):
        torch.testing.assert_close(SoftmaxPixel(rows, 3, 5).level_logits(value, channel), expected)


@pytest.mark.parametrize("variant", ["all", "without whole_pixels"])
def test_completions_come_from_the_exact_conditional(variant, randomised, every_image):
    event = (3, 1, 2)
    model, images = randomised(build(event, 2, VARIANTS[variant]), scale=0.6), every_image(event, 2)
    mask = torch.tensor([True, False, False, True, False, True]).view(event)
    x = torch.tensor([0.0, 1, 1, 0, 0, 0]).view(event)
    completed = model.complete(x.expand(2000, *event), mask, sweeps=12, generator=seeded())
    agree = ((images == x) | mask).flatten(1).all(dim=1)
    p = model.log_prob(images).masked_fill(~agree, -torch.inf).softmax(dim=0).detach()
    frequency = (completed.unsqueeze(1) == images).flatten(2).all(dim=2).float().mean(dim=0)
    assert ((frequency - p).abs() <= 4.5 * (p / 2000).sqrt() + 1e-3).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_every_weight_that_counts(variant, randomised):
    model = randomised(build((3, 3, 4), 3, VARIANTS[variant]), scale=0.25)
    model.loss(torch.randint(3, (20, 3, 3, 4), generator=seeded()) / 2).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    for module in model.modules():
        if getattr(module, "mask", None) is not None:
            assert torch.equal(module.weight.grad * module.mask, module.weight.grad)


def test_dropout_is_off_in_evaluation():
    torch.manual_seed(0)
    model, x = build((1, 4, 4), 4, dropout=0.5), torch.zeros(3, 1, 4, 4)
    assert not torch.equal(model.log_prob(x), model.log_prob(x))
    model.eval()
    assert torch.equal(model.log_prob(x), model.log_prob(x))


def test_a_block_follows_its_formula(randomised):
    model = randomised(build((1, 4, 4), 4, dropout=0.0), scale=0.3).double()
    block = model.body.right_after[0]
    x, down, kept = torch.randn(3, 2, 6, 4, 5, generator=seeded(), dtype=torch.float64)

    def e(y):
        return elu(torch.cat([y, -y], 1))

    def conv(layer, y):  # the 2 x 2 kernel in the corner of a 3 x 3 one
        kernel = torch.zeros(*layer.weight.shape[:2], 3, 3, dtype=y.dtype)
        kernel[:, :, : layer.weight.shape[2], : layer.weight.shape[3]] = layer.weight
        return conv2d(y, kernel, layer.bias, padding=1)

    h = conv(block.first, e(x))
    for link, other in zip(block.links, (down, kept), strict=True):
        h = h + conv2d(e(other), link.weight, link.bias)
    a, b = conv(block.second, e(h)).chunk(2, 1)
    torch.testing.assert_close(block(x, down, kept), x + a * b.sigmoid())
    bare = randomised(build((1, 4, 4), 4, Changes(residual=False), dropout=0.0), scale=0.3).double()
    torch.testing.assert_close(bare.body.right_after[0](x, down, kept), a * b.sigmoid())


@pytest.mark.parametrize("size", [4, 5, 7, 8])
def test_resolutions_of_any_size_fit(size, randomised):
    model = randomised(build((1, size, size + 1), 3, halvings=2), scale=0.2)
    x = model.sample(2, generator=seeded())
    assert model.log_prob(x).isfinite().all()
    strided, enlarged = StreamConv2d((2, 3), 6, 6, stride=2), Enlarge2d(6)
    half = strided(torch.zeros(1, 6, size, size + 1))
    assert half.shape[2:] == (-(-size // 2), -(-(size + 1) // 2))
    assert enlarged(half).shape[2:] == (2 * half.shape[2], 2 * half.shape[3])


def test_each_change_is_where_it_is_said_to_be():
    count = {
        name: sum(p.numel() for p in build((3, 8, 8), 256, changes).parameters()) for name, changes in VARIANTS.items()
    }
    assert count["without mixture"] > count["all"] + 12 * (6 * 256 - 20)  # 6 x 256 outputs a pixel, not 20
    assert count["without residual"] == count["all"]
    assert count["without shortcuts"] < count["all"] and count["without downsampling"] < count["all"]
    strides = [m for m in build((3, 8, 8), 256).modules() if isinstance(m, StreamConv2d) and m.stride == (2, 2)]
    assert len(strides) == 2
    assert not any(
        m.stride == (2, 2) for m in build((3, 8, 8), 256, Changes(downsampling=False)).modules() if hasattr(m, "stride")
    )


def test_state_dict_round_trip(model_of):
    model, other = (
        model_of("without whole_pixels", "colour", seed=0),
        model_of("without whole_pixels", "colour", seed=1),
    )
    x = model.sample(10, generator=seeded())
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.log_prob(x), other.log_prob(x))
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("variant", ["all", "without mixture"])
def test_fit_finds_a_distribution(variant, every_image):
    images = every_image((1, 2, 2), 4)[[0, 27, 228, 255]]
    torch.manual_seed(0)
    model = build((1, 2, 2), 4, VARIANTS[variant], mixtures=4, dropout=0.0)
    model.learning_rate = 0.01
    ck.fit(model, images.repeat(32, 1, 1, 1), epochs=15, batch_size=8, progress=False)
    entropy = torch.tensor(4.0).log().item()
    assert entropy - 1e-5 <= -model.log_prob(images).mean().item() < entropy + 1.5  # 4.2 more at the start


def test_what_it_refuses():
    with pytest.raises(ValueError, match="PixelCNNPlusPlus: event_shape must be"):
        PixelCNNPlusPlus((5,))
    with pytest.raises(ValueError, match="x must hold 4 levels"):
        build((1, 2, 2), 4).log_prob(torch.full((1, 1, 2, 2), 0.5))
    with pytest.raises(ValueError, match="labels were given"):
        build((1, 2, 2), 4).log_prob(torch.zeros(1, 1, 2, 2), torch.zeros(1, dtype=torch.long))

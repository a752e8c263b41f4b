"""PixelCNN's blind spot, the stacks of its gated sibling, classes, and convolutions one pixel at a time."""

import pytest
import torch
from torch.nn.functional import conv2d

import coursekit as ck
from coursekit.autoregressive import GatedPixelCNN, PixelCNN
from coursekit.autoregressive.convolutions import CachedConv2d, CausalConv2d, VerticalConv2d


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("blocks", [3, 6])
def test_the_blind_spot_of_pixelcnn_is_where_it_is_said_to_be(channels, blocks, dependency):
    height, width = 4, 7
    seen = dependency(PixelCNN((channels, height, width), 3, blocks))
    seen = seen.view(channels, height, width, channels, height, width)
    blind = 0
    for c, i, j, c2, i2, j2 in torch.cartesian_prod(*map(torch.arange, seen.shape)).tolist():
        if i2 == i and j2 == j:
            expected = c2 < c
        elif i2 == i:
            expected = j2 < j
        else:
            expected = i2 < i and j2 - j <= (i - i2) + 2
            blind += i2 < i and not expected
        assert seen[c, i, j, c2, i2, j2] == expected, (c, i, j, c2, i2, j2)
    assert blind > 0  # and depth does not help: 3 blocks and 6 see the same


@pytest.mark.parametrize("channels", [1, 3])
def test_the_gated_network_sees_everything_there(channels, dependency):
    event = (channels, 4, 7)
    seen = dependency(GatedPixelCNN(event, 3, 4))
    number = torch.arange(channels * 28).view(4, 7, channels).movedim(-1, 0).flatten()  # in raster order
    assert torch.equal(seen, number.unsqueeze(1) > number)


def full(convolution, x, shift=0):
    """A convolution with the whole square kernel, zeros where the masks forbid; ``shift`` rows further up."""
    weight = convolution.weight * getattr(convolution, "mask", 1)
    rows, size = weight.shape[2:]
    kernel = torch.zeros(*weight.shape[:2], 2 * size + 1, size, dtype=x.dtype)
    bottom = size + 1 - shift  # the row after the pixel's own, or above it
    kernel[:, :, bottom - rows : bottom] = weight
    return conv2d(x, kernel, convolution.bias, padding=(size, size // 2))


def test_pixelcnn_follows_its_formula(randomised):
    model = randomised(PixelCNN((1, 5, 6), 4, 2), scale=0.3).double()
    x = torch.rand(2, 1, 5, 6, dtype=torch.float64)
    h = full(model.entry, x)
    for block in model.blocks:
        h = h + full(block.widen, full(block.look, full(block.narrow, h.relu()).relu()).relu())
    torch.testing.assert_close(model.logits(x), full(model.output, full(model.hidden, h.relu()).relu()))


def test_the_gated_network_follows_its_formula(randomised):
    model = randomised(GatedPixelCNN((1, 5, 6), 4, 3, classes=2), scale=0.3).double()
    x, labels = torch.rand(2, 1, 5, 6, dtype=torch.float64), torch.tensor([1, 0])

    def gate(y):
        return y[:, :4].tanh() * y[:, 4:].sigmoid()

    v, h = x, None
    for i, layer in enumerate(model.layers):
        label = layer.classes.weight[labels].view(2, 16, 1, 1)
        v = full(layer.vertical, v, shift=int(i == 0)) + label[:, :8]
        link = conv2d(v, layer.link.weight, layer.link.bias) + label[:, 8:]
        step = full(layer.residual, gate(full(layer.horizontal, x if h is None else h) + link))
        v, h = gate(v), step if h is None else h + step
    expected = full(model.output, full(model.hidden, h.relu()).relu())
    torch.testing.assert_close(model.logits(x, labels), expected)


@pytest.mark.parametrize("strict", [True, False])
def test_the_vertical_convolution_sees_whole_rows_above(strict):
    convolution = VerticalConv2d(1, 1, 3, strict=strict).double()
    torch.nn.init.ones_(convolution.weight)
    x = torch.rand(1, 1, 4, 5, dtype=torch.float64)
    seen = torch.autograd.functional.jacobian(convolution, x)[0, 0, 2, 2, 0, 0]  # of the pixel (2, 2)
    rows = [1] if strict else [1, 2]
    assert seen.nonzero().tolist() == [[i, j] for i in rows for j in (1, 2, 3)]


@pytest.mark.parametrize(("kind", "size", "rows"), [("A", 7, None), ("B", 3, None), ("B", 3, 1), ("B", 1, None)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_convolution_pixel_by_pixel_is_the_convolution(kind, size, rows, channels):
    torch.manual_seed(0)
    convolution = CausalConv2d(kind, 6, 12, size, rows=rows, channels=channels, halves=2).double()
    x = torch.randn(2, 6, 4, 5, dtype=torch.float64)
    with torch.no_grad():
        whole, kept = convolution(x), CachedConv2d(convolution, 2, width=5)
        for i in range(4):
            for j in range(5):
                for c in range(channels):
                    own = convolution.groups_in == c
                    if kind == "A":  # as the first layer: the pixel's value is known after its features
                        features = kept(j, c)
                    else:
                        features = kept(j, c, x[:, own, i, j])
                    torch.testing.assert_close(features, whole[:, convolution.groups_out == c, i, j])
                    if kind == "A":
                        known = (convolution.groups_in <= c).to(x)
                        kept.put(j, x[:, :, i, j] * known)
            kept.start_row()


def test_the_kernel_has_no_rows_below_the_pixel():
    assert CausalConv2d("A", 1, 4, 7).weight.shape == (4, 1, 4, 7)
    assert PixelCNN((1, 5, 5), 4, 1).first.mask[0, 0, -1].tolist() == [1, 1, 1, 0, 0, 0, 0]


@pytest.fixture
def conditional(randomised):
    return randomised(GatedPixelCNN((1, 2, 3), 4, 2, classes=3), scale=0.7)


def test_each_class_has_a_distribution_of_its_own(conditional, every_image):
    images = every_image((1, 2, 3), 2)
    log_prob = torch.stack([conditional.log_prob(images, torch.full((64,), label)) for label in range(3)])
    torch.testing.assert_close(log_prob.logsumexp(dim=1), torch.zeros(3), atol=1e-5, rtol=0)
    assert (log_prob[0] - log_prob[1]).abs().max() > 0.1
    mixed = torch.arange(64) % 3
    torch.testing.assert_close(conditional.log_prob(images, mixed), log_prob[mixed, torch.arange(64)])


@pytest.mark.parametrize("channels", [1, 3])
def test_cached_sampling_follows_the_labels(channels, randomised):
    model = randomised(GatedPixelCNN((channels, 3, 4), 6, 3, classes=3), scale=0.7)
    labels = torch.arange(30) % 3
    draws = [
        model.sample(30, labels=labels, generator=torch.Generator().manual_seed(0), cached=cached)
        for cached in (True, False)
    ]
    assert torch.equal(*draws)
    other = model.sample(30, labels=2 - labels, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(draws[0], other)


def test_completion_follows_the_labels(conditional, every_image):
    images, labels = every_image((1, 2, 3), 2), torch.arange(3000) % 3
    mask = torch.tensor([[False, True, False], [True, False, True]])
    x = torch.zeros(1, 2, 3)
    completed = conditional.complete(x.expand(3000, 1, 2, 3), mask, labels=labels, generator=torch.Generator())
    for label in range(3):
        agree = (images == x).flatten(1)[:, ~mask.flatten()].all(dim=1)
        p = conditional.log_prob(images, torch.full((64,), label)).masked_fill(~agree, -torch.inf).softmax(dim=0)
        frequency = (completed[labels == label].unsqueeze(1) == images).flatten(2).all(dim=2).float().mean(dim=0)
        torch.testing.assert_close(frequency, p.detach(), atol=4 * (0.25 / 1000) ** 0.5, rtol=0)


@pytest.mark.parametrize("labels", [None, torch.zeros(2, dtype=torch.long), torch.zeros(3, 1, dtype=torch.long)])
def test_a_conditional_model_needs_a_label_for_each_image(conditional, labels):
    with pytest.raises(ValueError, match=r"GatedPixelCNN: labels must have shape \(3,\), a class for each x"):
        conditional.log_prob(torch.zeros(3, 1, 2, 3), labels)
    with pytest.raises(ValueError, match=r"GatedPixelCNN: labels must have shape \(3,\), a class for each x"):
        conditional.sample(3, labels=labels)


def test_fit_trains_a_conditional_model_on_examples():
    torch.manual_seed(0)
    model = GatedPixelCNN((1, 2, 2), 8, 2, classes=2)
    model.learning_rate = 0.02
    labels = torch.arange(256) % 2
    images = labels.float().view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()  # black is class 0, white class 1
    ck.fit(model, ck.data.Examples(images, labels), epochs=8, batch_size=16, progress=False)
    assert model.log_prob(images, labels).mean() > -0.2
    assert model.log_prob(images, 1 - labels).mean() < -5
    assert torch.equal(model.sample(4, labels=labels[:4]), images[:4])


@pytest.mark.parametrize(("event", "width"), [((5,), 4), ((3, 2, 2), 2)])
def test_what_a_pixelcnn_needs(event, width):
    for kind in (PixelCNN, GatedPixelCNN):
        with pytest.raises(ValueError, match=f"{kind.__name__}: event_shape must be"):
            kind(event, width)

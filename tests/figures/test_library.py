"""The JavaScript library against torch, in node."""

import math

import pytest
import torch
import torch.nn.functional as F

from coursekit.figures.base import NetworkFigure, compose, pack

EMPTY = "const functions = {}; function render() {}"


@pytest.fixture
def call(javascript):
    return javascript(compose(EMPTY))


@pytest.fixture
def normal():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(shape, generator=generator)


def assert_close(found, expected, tolerance=1e-5):
    assert found.shape == expected.shape
    assert (found - expected).abs().max().item() <= tolerance * max(1.0, expected.abs().max().item())


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", torch.relu),
        ("leakyRelu", F.leaky_relu),
        ("tanh", torch.tanh),
        ("sigmoid", torch.sigmoid),
        ("softplus", F.softplus),
        ("silu", F.silu),
    ],
)
def test_activations(call, normal, name, function):
    x = torch.cat([normal(64) * 3, torch.tensor([0.0, -80.0, 80.0, -700.0, 700.0])])
    assert_close(call(f"lib.{name}", x), function(x))
    assert call(f"lib.{name}", 0.5) == pytest.approx(function(torch.tensor(0.5)).item(), abs=1e-6)


def test_leaky_slope(call, normal):
    x = normal(20)
    assert_close(call("(x) => lib.leakyRelu(x, 0.2)", x), F.leaky_relu(x, 0.2))


def test_softmax_does_not_overflow(call, normal):
    x = normal(7) + 1000
    assert call("lib.softmax", x.tolist()) == pytest.approx(x.double().softmax(0).tolist(), abs=1e-6)
    assert call("lib.logSumExp", x.tolist()) == pytest.approx(x.double().logsumexp(0).item(), abs=1e-6)


@pytest.mark.parametrize("with_bias", [True, False])
def test_linear(call, normal, with_bias):
    x, weight, bias = normal(5, 20), normal(7, 20), normal(7) if with_bias else None
    assert_close(call("lib.linear", x, weight, bias), F.linear(x, weight, bias))


CONVOLUTIONS = [(3, 1, 1), (4, 2, 1), (5, 3, 0), (1, 1, 0), (3, 2, 2)]  # kernel, stride, padding


@pytest.mark.parametrize(("kernel", "stride", "padding"), CONVOLUTIONS)
def test_conv2d(call, normal, kernel, stride, padding):
    x, weight, bias = normal(2, 3, 9, 8), normal(4, 3, kernel, kernel), normal(4)
    found = call("lib.conv2d", x, weight, bias, dict(stride=stride, padding=padding))
    assert_close(found, F.conv2d(x, weight, bias, stride, padding))


def test_conv2d_with_a_kernel_that_is_not_square(call, normal):
    x, weight = normal(1, 2, 6, 7), normal(3, 2, 2, 3)
    assert_close(call("lib.conv2d", x, weight), F.conv2d(x, weight))


@pytest.mark.parametrize(("kernel", "stride", "padding"), CONVOLUTIONS)
@pytest.mark.parametrize("output_padding", [0, 1])
def test_conv_transpose2d(call, normal, kernel, stride, padding, output_padding):
    if output_padding >= stride:
        output_padding = 0
    x, weight, bias = normal(2, 3, 5, 4), normal(3, 4, kernel, kernel), normal(4)
    options = dict(stride=stride, padding=padding, outputPadding=output_padding)
    expected = F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)
    assert_close(call("lib.convTranspose2d", x, weight, bias, options), expected)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5, 4)])
def test_batch_norm(call, normal, shape):
    x, mean, variance, weight, bias = normal(*shape), normal(3), normal(3).exp(), normal(3), normal(3)
    expected = F.batch_norm(x, mean, variance, weight, bias)
    assert_close(call("lib.batchNorm", x, mean, variance, weight, bias), expected)


@pytest.mark.parametrize(("shape", "groups"), [((4, 6), 2), ((2, 6, 5, 4), 3), ((2, 6, 5), 1), ((2, 6, 3), 6)])
@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-5), (True, 1e-3)])
def test_group_norm(call, normal, shape, groups, half, tolerance):
    x, weight, bias = 3 * normal(*shape) + 5, normal(6), normal(6)
    expected = F.group_norm(x, groups, weight, bias, eps=1e-3)
    if half:  # as weights travel
        weight, bias = weight.half().float(), bias.half().float()
    assert_close(call("(x, g, w, b) => lib.groupNorm(x, g, w, b, 1e-3)", x, groups, weight, bias), expected, tolerance)


@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 5, 6)])
@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-5), (True, 1e-3)])
def test_layer_norm(call, normal, shape, half, tolerance):
    x, weight, bias = 3 * normal(*shape) + 5, normal(6), normal(6)
    expected = F.layer_norm(x, (6,), weight, bias)
    if half:
        weight, bias = weight.half().float(), bias.half().float()
    assert_close(call("lib.layerNorm", x, weight, bias), expected, tolerance)


def test_every_float16_is_read_exactly(call):
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    halves = bits.view(torch.float16).float()
    finite = halves.isfinite()
    numbers = bits[finite].tolist()
    script = "(bits) => lib.tensor(lib.float16ToFloat32(new DataView(Int16Array.from(bits).buffer)))"
    found = call(script, numbers)
    assert torch.equal(found, halves[finite])


@pytest.mark.parametrize(("bits", "expected"), [(0x7C00, "Infinity"), (0xFC00, "-Infinity"), (0x7E00, "NaN")])
def test_float16_that_is_not_finite(call, bits, expected):
    script = "(bits) => String(lib.float16ToFloat32(new DataView(Uint16Array.of(bits).buffer))[0])"
    assert call(script, bits) == expected


def test_a_packed_decoder_gives_what_torch_gives(call, normal):
    """Dense and convolutional layers with weights that travelled as float16: within 1e-3 of float32."""
    torch.manual_seed(0)
    decoder = torch.nn.Sequential(
        torch.nn.Linear(2, 98), torch.nn.ReLU(), torch.nn.Unflatten(1, (2, 7, 7)),
        torch.nn.ConvTranspose2d(2, 4, 4, 2, 1), torch.nn.ReLU(), torch.nn.ConvTranspose2d(4, 1, 4, 2, 1),
        torch.nn.Sigmoid(),
    )  # fmt: skip
    figure = NetworkFigure(decoder.state_dict())
    script = """(bytes, layout, z) => {
      const values = { weights: new DataView(Uint8Array.from(bytes).buffer), layout_of_weights: layout };
      const w = lib.unpackWeights({ get: (name) => values[name] });
      let h = lib.relu(lib.linear(z, w["0.weight"], w["0.bias"]));
      h = { data: h.data, shape: [z.shape[0], 2, 7, 7] };
      h = lib.relu(lib.convTranspose2d(h, w["3.weight"], w["3.bias"], { stride: 2, padding: 1 }));
      return lib.sigmoid(lib.convTranspose2d(h, w["5.weight"], w["5.bias"], { stride: 2, padding: 1 }));
    }"""
    z = normal(3, 2)
    with torch.no_grad():
        expected = decoder(z)
    assert_close(call(script, list(figure.weights), figure.layout_of_weights, z), expected, tolerance=1e-3)


def test_packing_refuses_what_float16_cannot_hold():
    for value in (1e6, math.nan):
        with pytest.raises(ValueError, match=r"layer\.weight .* float16"):
            pack({"layer.weight": torch.tensor([1.0, value])})


def test_random_numbers(call):
    """Mean, variance and lag-one correlation within four standard errors; the same for a seed, other for another."""
    n = 20_000
    draw = "(seed, n, name) => { const r = lib.random(seed); return Array.from({ length: n }, () => r[name]()); }"
    uniform = torch.tensor(call(draw, 7, n, "uniform"), dtype=torch.float64)
    assert 0 <= uniform.min() and uniform.max() < 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / n))
    counts = torch.histc(uniform, 20, 0, 1)
    assert ((counts - n / 20) ** 2 / (n / 20)).sum() < 43.8  # chi-square, 19 degrees of freedom, p = 0.001
    normal = torch.tensor(call(draw, 7, n, "normal"), dtype=torch.float64)
    assert normal.mean().item() == pytest.approx(0, abs=4 / math.sqrt(n))
    assert normal.var().item() == pytest.approx(1, abs=4 * math.sqrt(2 / n))
    assert (normal**4).mean().item() == pytest.approx(3, abs=4 * math.sqrt(96 / n))
    assert (normal[1:] * normal[:-1]).mean().item() == pytest.approx(0, abs=4 / math.sqrt(n))
    assert call(draw, 7, 5, "uniform") == uniform[:5].tolist()
    assert call(draw, 8, 5, "uniform") != uniform[:5].tolist()
    integers = call("(n) => { const r = lib.random(1); return Array.from({ length: n }, () => r.integer(3)); }", 300)
    assert set(integers) == {0, 1, 2}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-8, 8, ["−8", "−6", "−4", "−2", "0", "2", "4", "6", "8"]),
        (0, 0.5, ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]),
        (0, 1200, ["0", "200", "400", "600", "800", "1000", "1200"]),
    ],
)
def test_ticks_are_round_numbers(call, low, high, expected):
    assert [tick["text"] for tick in call("(a, b) => lib.ticks(a, b, b === 8 ? 8 : 6)", low, high)] == expected


def test_numbers_are_shown_for_people(call):
    assert [call("lib.show", value, 2) for value in (1.005, -0.001, -2.5, 0)] == ["1.00", "0.00", "−2.50", "0.00"]

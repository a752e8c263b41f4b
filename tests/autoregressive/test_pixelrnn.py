"""Row LSTM and Diagonal BiLSTM: memories against torch's own, fields worked out by hand, states one at a time."""

from unittest.mock import patch

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, pad

from coursekit.autoregressive import DiagonalBiLSTM, RasterLSTM, RowLSTM, pixelrnn, skew, unskew
from coursekit.autoregressive.pixelrnn import (
    CachedDiagonalScan,
    CachedRowScan,
    DiagonalScan,
    PixelRNN,
    RowScan,
    lstm_step,
)

BOTH = pytest.mark.parametrize("kind", [RowLSTM, DiagonalBiLSTM])


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("height", "width"), [(3, 4), (4, 3), (1, 5), (5, 1), (1, 1)])
def test_skewing_moves_row_i_by_i_places(height, width):
    x = normal(2, 3, height, width)
    expected = torch.zeros(2, 3, height, width + height - 1, dtype=torch.float64)
    for i in range(height):
        expected[:, :, i, i : i + width] = x[:, :, i]
    assert torch.equal(skew(x), expected)
    assert torch.equal(unskew(expected), x)


def test_a_skewed_column_is_a_diagonal():
    assert skew(torch.tensor([[1, 2, 3], [4, 5, 6]])).tolist() == [[1, 2, 3, 0], [0, 4, 5, 6]]


def cell_of(weights, states):
    """torch's own cell, given the weights of what goes into the gates, side by side, and of the state before."""
    cell = nn.LSTMCell(weights.shape[1], states.shape[1], dtype=torch.float64)
    with torch.no_grad():
        cell.weight_ih.copy_(weights)
        cell.weight_hh.copy_(states)
        cell.bias_ih.zero_()
        cell.bias_hh.zero_()
    return cell


def test_a_step_is_that_of_torch():
    weights, states, x, h, c = (
        normal(*shape, seed=i) for i, shape in enumerate([(12, 5), (12, 3), (2, 5), (2, 3), (2, 3)])
    )
    expected = cell_of(weights, states)(x, (h, c))
    torch.testing.assert_close(lstm_step(x @ weights.T + h @ states.T, c), expected)


def test_a_string_is_read_in_raster_order(randomised):
    model, x = randomised(RasterLSTM((3, 2, 2), 4)).double(), normal(2, 3, 2, 2)
    cell = nn.LSTMCell(1, 4, dtype=torch.float64)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in model.memory.state_dict().items()})
    before, state = torch.zeros(2, 1, dtype=torch.float64), None
    logits = model.logits(x)
    for i in range(2):
        for j in range(2):
            for c in range(3):  # R, G, B
                state = cell(before, state)
                torch.testing.assert_close(logits[:, c, i, j], model.output(state[0])[:, 0])
                before = x[:, c, i, j].unsqueeze(1)


def scan_of(kind, features=3, *options, channels=1):
    scan = kind(features, *options, channels).double()
    with torch.no_grad():
        for i, parameter in enumerate(scan.parameters()):
            parameter.copy_(0.6 * normal(*parameter.shape, seed=10 + i))
    return scan


def test_a_row_scan_of_width_one_is_torchs_lstm_down_each_column():
    scan, gates = scan_of(RowScan, 3, 1), normal(2, 12, 5, 4)
    lstm = nn.LSTM(12, 3, bias=False, dtype=torch.float64)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.eye(12))
        lstm.weight_hh_l0.copy_(scan.above.weight)
    columns = gates.permute(2, 0, 3, 1).flatten(1, 2)  # (H, B * W, 12)
    expected = lstm(columns)[0].view(5, 2, 4, 3).permute(1, 3, 0, 2)
    torch.testing.assert_close(scan(gates), expected)


def test_a_row_scan_looks_at_three_states_of_the_row_above():
    scan, gates = scan_of(RowScan, 3, 3), normal(2, 12, 4, 5)
    left, middle, right = scan.above.weight.chunk(3, dim=1)  # (12, 3) each
    cell = cell_of(torch.cat([torch.eye(12), left, right], dim=1), middle)
    h, c, zero = {}, {}, torch.zeros(2, 3, dtype=torch.float64)
    for i in range(4):
        for j in range(5):
            left, right = h.get((i - 1, j - 1), zero), h.get((i - 1, j + 1), zero)
            inputs = torch.cat([gates[:, :, i, j], left, right], dim=1)
            h[i, j], c[i, j] = cell(inputs, (h.get((i - 1, j), zero), c.get((i - 1, j), zero)))
    expected = torch.stack([h[i, j] for i in range(4) for j in range(5)], dim=2).view(2, 3, 4, 5)
    torch.testing.assert_close(scan(gates), expected)


def test_a_diagonal_scan_looks_beside_and_above_from_both_sides():
    scan, gates = scan_of(DiagonalScan), normal(2, 24, 4, 5)
    zero = torch.zeros(2, 3, dtype=torch.float64)
    expected = torch.zeros(2, 3, 4, 5, dtype=torch.float64)
    for direction, (columns, before) in enumerate(((range(5), -1), (range(4, -1, -1), 1))):
        above, beside = (scan.left, scan.right)[direction].weight.chunk(2, dim=1)  # (12, 3) each
        own = gates[:, 12 * direction : 12 * (direction + 1)]
        cell, h, c = cell_of(torch.cat([torch.eye(12), above], dim=1), beside), {}, {}
        for i in range(4):
            for j in columns:
                inputs = torch.cat([own[:, :, i, j], h.get((i - 1, j), zero)], dim=1)
                h[i, j], c[i, j] = cell(inputs, (h.get((i, j + before), zero), c.get((i, j + before), zero)))
                if i + direction < 4:
                    expected[:, :, i + direction, j] += h[i, j]  # the one from the right a row lower
    torch.testing.assert_close(scan(gates), expected)


def full(convolution, x):
    """A masked convolution with zeros around the image, from torch's plain one."""
    rows, size = convolution.kernel_size
    return conv2d(pad(x, (size // 2, size // 2, rows - 1, 0)), convolution.weight * convolution.mask, convolution.bias)


@BOTH
@pytest.mark.parametrize("channels", [1, 3])
def test_the_network_follows_its_formula(kind, channels, randomised):
    model = randomised(kind((channels, 4, 5), 6, 2), scale=0.3).double()
    x = torch.rand(2, channels, 4, 5, dtype=torch.float64)
    h = full(model.entry, pad(x, (0, 0 if kind is RowLSTM else 1)))
    for layer in model.layers:
        h = h + full(layer.widen, layer.scan(full(layer.gates, h)))
    output = full(model.output, full(model.hidden, h.relu()).relu())
    torch.testing.assert_close(model.logits(x), output[..., :5])


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_row_lstm_sees_a_triangle(layers, channels, dependency):
    height, width = 4, 14
    seen = dependency(RowLSTM((channels, height, width), 3, layers)).view(
        channels, height, width, channels, height, width
    )
    missed = {"left": 0, "right": 0}
    for c, i, j, c2, i2, j2 in torch.cartesian_prod(*map(torch.arange, seen.shape)).tolist():
        up, aside = i - i2, j2 - j
        if up == 0 and aside == 0:
            expected = c2 < c
        elif up == 0:
            expected = -(layers + 3) <= aside < 0
        else:
            expected = up > 0 and -(up + layers + 3) <= aside <= up + 2
            missed["left"] += up > 0 and aside < -(up + layers + 3)
            missed["right"] += up > 0 and aside > up + 2
        assert seen[c, i, j, c2, i2, j2] == expected, (c, i, j, c2, i2, j2)
    assert min(missed.values()) > 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("margin", "layers"), [(None, 1), (0, 1), (0, 3)])
def test_a_diagonal_layer_sees_everything_that_comes_before(margin, layers, channels, dependency):
    class Small(DiagonalBiLSTM):
        first_size = 3  # so that it is the memory that reaches far, not the first convolution

    if margin is not None:
        Small.margin = margin
    event, width = (channels, 4, 8), 8
    seen = dependency(Small(event, 3, layers)).view(*event, *event)
    for c, i, j, c2, i2, j2 in torch.cartesian_prod(*map(torch.arange, seen.shape)).tolist():
        expected = (i2, j2, c2) < (i, j, c)
        if margin == 0:  # as in the paper: the last value of the row above is missed, at any depth
            expected = expected and not ((i2, j2, c2) == (i - 1, width - 1, channels - 1) and j < width - 2)
        assert seen[c, i, j, c2, i2, j2] == expected, (c, i, j, c2, i2, j2)


def test_without_the_shift_the_memory_from_the_right_sees_the_future(dependency, randomised, every_image):
    with patch.object(pixelrnn, "shift_down", lambda x: x):
        seen = dependency(DiagonalBiLSTM((1, 3, 3), 3, 1))
        total = randomised(DiagonalBiLSTM((1, 3, 3), 4, 1), scale=0.8).log_prob(every_image((1, 3, 3), 2)).exp().sum()
    assert seen.triu().any()
    assert abs(total.item() - 1) > 0.01


@BOTH
def test_how_many_steps_an_image_costs(kind):
    model = kind((1, 5, 7), 4, layers=3)
    with patch.object(pixelrnn, "lstm_step", wraps=lstm_step) as step:
        model.log_prob(torch.zeros(2, 1, 5, 7))
    assert step.call_count == 3 * (5 if kind is RowLSTM else 5 + 7)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("kind", "cached", "options"), [(RowScan, CachedRowScan, (3,)), (DiagonalScan, CachedDiagonalScan, ())]
)
def test_states_pixel_by_pixel_are_those_of_the_whole_image(kind, cached, options, channels):
    scan = scan_of(kind, 5, *options, channels=channels)
    gates = normal(2, 20 * scan.directions, 4, 6)
    groups = scan.groups.repeat(4 * scan.directions)
    with torch.no_grad():
        whole, kept = scan(gates), cached(scan, 2, width=6)
        for i in range(4):
            for j in range(6):
                for c in range(channels):
                    state = kept(j, c, gates[:, groups == c, i, j])
                    torch.testing.assert_close(state, whole[:, scan.groups == c, i, j])
            kept.start_row()


@BOTH
def test_cached_sampling_of_a_larger_image(kind, randomised):
    model = randomised(kind((3, 7, 5), 9, 3, levels=4), scale=0.4)
    draws = [model.sample(9, generator=torch.Generator().manual_seed(2), cached=cached) for cached in (True, False)]
    assert torch.equal(*draws)
    assert draws[0].unique().numel() == 4


@BOTH
def test_a_layer_that_adds_nothing_changes_nothing(kind, randomised):
    model, x = randomised(kind((1, 4, 4), 4, 2)), torch.ones(1, 1, 4, 4)
    without = full(model.output, full(model.hidden, full(model.entry, x).relu()).relu())
    assert not torch.allclose(model.logits(x), without)
    for layer in model.layers:
        nn.init.zeros_(layer.widen.weight)
        nn.init.zeros_(layer.widen.bias)
    torch.testing.assert_close(model.logits(x), without)


@BOTH
@pytest.mark.parametrize(("event", "width"), [((5,), 4), ((3, 2, 2), 2)])
def test_what_a_pixelrnn_needs(kind, event, width):
    with pytest.raises(ValueError, match=f"{kind.__name__}: event_shape must be"):
        kind(event, width)


def test_the_base_class_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="PixelRNN must define layer"):
        PixelRNN((1, 2, 2), 4)

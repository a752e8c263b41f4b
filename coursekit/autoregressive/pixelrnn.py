"""Recurrent networks over pixels: memories that read an image as a string, row by row, or diagonal by diagonal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from coursekit.autoregressive.base import Autoregressive
from coursekit.autoregressive.convolutions import CausalConv2d
from coursekit.autoregressive.masks import channel_groups, positions
from coursekit.autoregressive.pixelcnn import Apply, PixelNetwork


def skew(x: Tensor) -> Tensor:
    r"""Row i moved i places to the right, (..., H, W) to (..., H, W + H - 1): diagonals become columns.

    .. math:: \mathrm{skew}(x)_{i,\, i + j} = x_{i, j}

    The places that no pixel takes are zero.
    """
    height = x.shape[-2]
    line = pad(x, (0, height)).flatten(-2)  # (..., H * (W + H)): each row begins W + H places after the last
    return line[..., :-height].unflatten(-1, (height, -1))  # read in rows of W + H - 1, each begins one place later


def unskew(x: Tensor) -> Tensor:
    """The inverse of `skew`: (..., H, W + H - 1) to (..., H, W)."""
    height, columns = x.shape[-2:]
    rows = pad(x.flatten(-2), (0, height)).unflatten(-1, (height, -1))  # (..., H, W + H)
    return rows[..., : columns + 1 - height]


def shift_down(x: Tensor) -> Tensor:
    """Every row in the place of the one below it, (..., H, W): the last is lost, the first becomes zero."""
    return pad(x, (0, 0, 1, -1))


def lstm_step(gates: Tensor, cell: Tensor, dim: int = -1) -> tuple[Tensor, Tensor]:
    r"""One step of a long short-term memory: its new state h, and its new cell c.

    .. math:: c' = \sigma(f) \odot c + \sigma(i) \odot \tanh(g), \qquad h' = \sigma(o) \odot \tanh(c')

    ``gates`` holds i, f, g and o one after the other, as torch has them: 4 * features along ``dim``, where ``cell`` and
    both results have features.

    Source: Hochreiter and Schmidhuber (1997); the forget gate f: Gers, Schmidhuber and Cummins (2000).
    """
    i, f, g, o = gates.chunk(4, dim)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def neighbours(h: Tensor, before: int, after: int) -> Tensor:
    """Each place's state together with those of its neighbours on the line; zeros beyond the ends.

    (..., features, B, N) to (..., (before + 1 + after) * features, B, N).
    """
    places = h.shape[-1]
    h = pad(h, (before, after))
    return torch.cat([h[..., k : k + places] for k in range(before + 1 + after)], dim=-3)


class RasterLSTM(Autoregressive):
    r"""The image as a string of values: one memory reads them in raster order, as if they were text.

    .. math:: h_t, c_t = \mathrm{LSTM}(x_{t-1}, h_{t-1}, c_{t-1}), \qquad x_0 = 0

    Its state knows every value before, if it has kept it. An image costs as many steps, one after the other, as it has
    values; the pixel above is a whole row of steps away.
    """

    def __init__(self, event_shape: Sequence[int], width: int = 64, layers: int = 1, levels: int = 2) -> None:
        """``width``: the features of the memory."""
        super().__init__(event_shape, levels)
        self.memory = nn.LSTM(1, width, layers)
        self.output = nn.Linear(width, self.outputs)

    def logits(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of all conditionals, (B, *event) or (B, *event, levels)."""
        values = x.flatten(1)[:, self.order].T.unsqueeze(2)  # (D, B, 1), in order
        before = pad(values[:-1], (0, 0, 0, 0, 1, 0))  # (D, B, 1): nothing, then each value's predecessor
        rows = self.output(self.memory(before)[0]).transpose(0, 1)  # (B, D, outputs), in order
        return self._shaped(rows[:, positions(self.order)].contiguous())

    def steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The logits of one dimension after the other, (B, outputs) each: one step of the memory."""
        values = x.view(len(x), -1)  # (B, D), the memory of x
        before, state = torch.zeros_like(values[:, :1]), None
        for d in self.order:
            h, state = self.memory(before.unsqueeze(0), state)  # (1, B, width)
            yield self.output(h[0])
            before = values[:, d : d + 1]


class RowScan(nn.Module):
    """The memory of a Row LSTM, whole rows at a time: each state looks at three states of the row above.

    It takes what the input says to the gates, (B, 4 * features, H, W), and gives its states, (B, features, H, W).
    """

    directions = 1

    def __init__(self, features: int, size: int, channels: int) -> None:
        super().__init__()
        self.above = nn.Linear(size * features, 4 * features, bias=False)
        self.reach = size // 2
        self.groups = channel_groups(features, channels)  # (features,)

    def forward(self, gates: Tensor) -> Tensor:
        """The states at every pixel, (B, features, H, W), in H steps."""
        rows = gates.permute(2, 1, 0, 3).contiguous()  # (H, 4 * features, B, W)
        h = c = rows.new_zeros(len(self.groups), *rows.shape[2:])  # (features, B, W)
        states = []
        for row in rows.unbind():
            before = neighbours(h, self.reach, self.reach).flatten(1)  # (size * features, B * W)
            h, c = lstm_step(torch.addmm(row.flatten(1), self.above.weight, before).view_as(row), c, dim=0)
            states.append(h)
        return torch.stack(states).permute(2, 1, 0, 3)


class DiagonalScan(nn.Module):
    """The two memories of a Diagonal BiLSTM, whole diagonals at a time.

    One reads from the left: each state looks at those of the pixels above and to the left. The other reads from the
    right, and so its states know the rest of their row. Moved down by a row, they know no pixel that is yet to come.

    It takes what the input says to the gates of both, (B, 2 * 4 * features, H, W), and gives the sum of their states,
    (B, features, H, W).
    """

    directions = 2

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.left = nn.Linear(2 * features, 4 * features, bias=False)  # from the states above and beside
        self.right = nn.Linear(2 * features, 4 * features, bias=False)
        self.groups = channel_groups(features, channels)  # (features,)

    def forward(self, gates: Tensor) -> Tensor:
        """The states at every pixel, (B, features, H, W), in H + W - 1 steps: both directions at once."""
        left, right = gates.chunk(2, dim=1)
        both = skew(torch.stack([left, right.flip(3)]))  # (2, B, 4 * features, H, W + H - 1)
        diagonals = both.permute(4, 0, 2, 1, 3).contiguous()  # (W + H - 1, 2, 4 * features, B, H)
        weight = torch.stack([self.left.weight, self.right.weight])  # (2, 4 * features, 2 * features)
        h = c = diagonals.new_zeros(2, len(self.groups), *diagonals.shape[3:])  # (2, features, B, H)
        states = []
        for diagonal in diagonals.unbind():
            before = neighbours(h, 1, 0).flatten(2)  # (2, 2 * features, B * H): of the row above, and of the same
            h, c = lstm_step(torch.baddbmm(diagonal.flatten(2), weight, before).view_as(diagonal), c, dim=1)
            states.append(h)
        left, right = unskew(torch.stack(states).permute(1, 3, 2, 4, 0)).unbind()  # (B, features, H, W) each
        return left + shift_down(right.flip(3))


class RecurrentLayer(nn.Module):
    r"""h plus what a memory with half as many features adds to it.

    .. math:: h \leftarrow h + \mathrm{conv}_{1 \times 1}(\mathrm{LSTM}(K * h))
    """

    def __init__(self, width: int, size: int, scan: RowScan | DiagonalScan, channels: int) -> None:
        super().__init__()
        parts = 4 * scan.directions
        self.gates = CausalConv2d("B", 2 * width, parts * width, size, rows=1, channels=channels, halves=parts)
        self.scan = scan
        self.widen = CausalConv2d("B", width, 2 * width, 1, channels=channels)

    def forward(self, h: Tensor, apply: Apply) -> Tensor:
        """The next features, (B, 2 * width, H, W)."""
        return h + apply(self.widen, apply(self.scan, apply(self.gates, h)))


class PixelRNN(PixelNetwork):
    """What Row LSTM and Diagonal BiLSTM share: a convolution with mask A, recurrent layers, two 1 x 1 convolutions."""

    def __init__(self, event_shape: Sequence[int], width: int = 32, layers: int = 2, levels: int = 2) -> None:
        """``width``: the features of a memory; between the layers there are twice as many."""
        super().__init__(event_shape, width, levels)
        channels = self.event_shape[0]
        self.entry = CausalConv2d("A", channels, 2 * width, self.first_size, channels=channels)
        self.layers = nn.ModuleList(self.layer(width, channels) for _ in range(layers))
        self.hidden = CausalConv2d("B", 2 * width, 2 * width, 1, channels=channels)
        self.output = CausalConv2d("B", 2 * width, channels * self.outputs, 1, channels=channels)

    def layer(self, width: int, channels: int) -> RecurrentLayer:
        """A new recurrent layer."""
        raise NotImplementedError(f"{type(self).__name__} must define layer(width, channels)")

    @property
    def first(self) -> CausalConv2d:
        """The convolution that sees x."""
        return self.entry

    def network(self, x: Tensor | None, links: list[Tensor], apply: Apply) -> Tensor:
        """The output, of shape (B, channels * outputs, H, W) for whole images."""
        h = apply(self.entry, x)  # (B, 2 * width, H, W)
        for layer in self.layers:
            h = layer(h, apply)
        return apply(self.output, apply(self.hidden, h.relu()).relu())

    def kept(self, n: int, width: int) -> dict[nn.Module, Any]:
        """What each layer keeps of ``n`` images while they are drawn: also the memories their states."""
        kept = super().kept(n, width)
        for module in self.modules():
            if isinstance(module, RowScan):
                kept[module] = CachedRowScan(module, n, width)
            elif isinstance(module, DiagonalScan):
                kept[module] = CachedDiagonalScan(module, n, width)
        return kept


class RowLSTM(PixelRNN):
    r"""A memory that reads row by row, from the top.

    .. math:: (i, f, g, o)_r = K^{is} * x_r + K^{ss} * h_{r-1}

    K^is is a masked convolution along the row, K^ss one without a mask along the row above: both of width 3. However
    many layers there are, a pixel does not see all the pixels before it, for a state spreads by one pixel a row: on the
    row r above, the last column seen is r + 2 to the right of the pixel. Upwards there is no limit.

    A row of states is computed at once, so that an image costs H steps, one after the other, in each layer. Cached
    sampling costs about one pass: the states of the row above are kept, and what they say to a row is computed once.

    Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), sections 3.1 and 3.3.
    """

    def layer(self, width: int, channels: int) -> RecurrentLayer:
        """A new recurrent layer."""
        return RecurrentLayer(width, self.size, RowScan(width, self.size, channels), channels)


class DiagonalBiLSTM(PixelRNN):
    r"""Two memories that read along the diagonals, one from the left and one from the right.

    .. math:: (i, f, g, o)_{r, s} = K^{is} x_{r, s} + U h_{r, s-1} + V h_{r-1, s}

    and the same from the right, with s + 1 for s - 1 and weights of its own, moved down by a row. A pixel sees all the
    pixels before it, with a single layer. For that, an empty column stands behind the image: no other feature of a row
    knows the row's last pixel, and without it the memory from the right misses that pixel, as in the paper.

    All pixels of a diagonal are computed at once, so that an image costs H + W steps, one after the other, in each
    layer. Cached sampling costs about one pass: the memory from the left goes along with the pixels, the one from the
    right reads a row back when it is complete.

    Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), sections 3.2 and 3.3.
    """

    margin = 1

    def layer(self, width: int, channels: int) -> RecurrentLayer:
        """A new recurrent layer."""
        return RecurrentLayer(width, 1, DiagonalScan(width, channels), channels)


class CachedScan:
    """What both kinds of memory share at one pixel after the other: which features belong to a colour channel."""

    def __init__(self, groups: Tensor) -> None:
        channels = range(int(groups.max()) + 1)
        self.own = [(groups == c).nonzero().flatten().tolist() for c in channels]  # features of a state
        self.gates = [(groups.repeat(4) == c).nonzero().flatten().tolist() for c in channels]  # and of its gates

    def by_channel(self, gates: Tensor) -> list[Tensor]:
        """``gates`` (width, n, 4 * features) as one tensor for each colour channel."""
        return [gates[..., features].contiguous() for features in self.gates]


class CachedRowScan(CachedScan):
    """A `RowScan` at one pixel after the other, for ``n`` images at once. It keeps the states of a row."""

    def __init__(self, scan: RowScan, n: int, width: int) -> None:
        super().__init__(scan.groups)
        self.scan = scan
        self.h = scan.above.weight.new_zeros(len(scan.groups), n, width)  # up to the pixel its row, then the row above
        self.cell = torch.zeros_like(self.h)
        self.start_row()

    def start_row(self) -> None:
        """Begin the next row of the images."""
        above = neighbours(self.h, self.scan.reach, self.scan.reach)  # (size * features, n, width)
        self.fixed = self.by_channel(self.scan.above(above.transpose(0, 2)))

    def __call__(self, j: int, c: int, gates: Tensor) -> Tensor:
        """The state's features of colour channel ``c`` at pixel ``j``, (n, ...), from its input ``gates``."""
        own = self.own[c]
        h, cell = lstm_step(gates + self.fixed[c][j], self.cell[own, :, j].T)
        self.h[own, :, j], self.cell[own, :, j] = h.T, cell.T
        return h


class CachedDiagonalScan(CachedScan):
    """A `DiagonalScan` at one pixel after the other, for ``n`` images at once.

    The states from the left are computed as the pixels come, those from the right when a row is complete.
    """

    def __init__(self, scan: DiagonalScan, n: int, width: int) -> None:
        super().__init__(scan.groups)
        features = len(scan.groups)
        self.above, self.beside = scan.left.weight.chunk(2, dim=1)  # (4 * features, features) each
        self.above_right, self.beside_right = scan.right.weight.chunk(2, dim=1)
        self.beside_of = [self.beside[gates] for gates in self.gates]
        self.h = self.above.new_zeros(width + 1, n, features)  # from the left; first, the zeros where a row begins
        self.cell = torch.zeros_like(self.h)
        self.right = self.above.new_zeros(width, n, features)  # from the right, of the row above
        self.right_gates = self.above.new_zeros(width, n, 4 * features)  # what the input of this row says to them
        self.start_row()

    def start_row(self) -> None:
        """Begin the next row of the images."""
        gates = self.right_gates + linear(self.right, self.above_right)  # (width, n, 4 * features)
        h = c = torch.zeros_like(self.right[0])
        for j in reversed(range(len(gates))):
            h, c = lstm_step(gates[j] + linear(h, self.beside_right), c)
            self.right[j] = h
        self.fixed = self.by_channel(linear(self.h[1:], self.above))

    def __call__(self, j: int, c: int, gates: Tensor) -> Tensor:
        """The sum of both states, colour channel ``c`` at pixel ``j``, (n, ...), from the input ``gates`` of both."""
        own, (left, right) = self.own[c], gates.chunk(2, dim=1)
        self.right_gates[j][:, self.gates[c]] = right
        h, cell = lstm_step(left + self.fixed[c][j] + linear(self.h[j], self.beside_of[c]), self.cell[j][:, own])
        self.h[j + 1][:, own], self.cell[j + 1][:, own] = h, cell
        return h + self.right[j][:, own]

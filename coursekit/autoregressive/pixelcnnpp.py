"""PixelCNN++: whole pixels from mixtures of logistics, by two streams of features at several resolutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, elu, pad

from coursekit.autoregressive.base import Autoregressive
from coursekit.autoregressive.convolutions import CausalConv2d
from coursekit.autoregressive.masks import causal_mask, channel_groups
from coursekit.distributions import DiscretizedLogisticMixture
from coursekit.distributions.levels import log_prob_of


@dataclass(frozen=True)
class Changes:
    """What PixelCNN++ changes in the gated PixelCNN; False takes a change back. Dropout is a number of the model.

    Source: Salimans et al. (2017).
    """

    mixture: bool = True
    """A mixture of logistics for a pixel. Without: a softmax over the levels, its logits linear in the channels before
    it where pixels are whole."""
    whole_pixels: bool = True
    """Features that belong to the pixel. Without: features shared out among R, G and B, with masks, as PixelCNN's."""
    downsampling: bool = True
    """Strided convolutions between the resolutions. Without: the same blocks, all at full resolution."""
    shortcuts: bool = True
    """Links from the blocks on the way down to those on the way up. Without: none."""
    residual: bool = True
    """Blocks that add to what they are given. Without: blocks that replace it."""


class PixelCNNPlusPlus(Autoregressive):
    """A network that looks at whole pixels, first finely, then coarsely, then finely again.

    Two streams of features leave no blind spot: one sees the rows above the pixel, the other also its own row to the
    left. `logits` are those of single channels, as in the other models, but the network runs once for a pixel: G and B
    follow from R through the coefficients of its `DiscretizedLogisticMixture`. Against the paper's network this one is
    small, and its weights are not normalised.

    `sample` runs the network once a pixel, on the rows down to its own; once a channel if pixels are not whole.

    Source: Salimans et al. (2017), "PixelCNN++: Improving the PixelCNN with discretized logistic mixture likelihood and
    other modifications".
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        width: int = 32,
        mixtures: int = 5,
        blocks: int = 1,
        halvings: int = 1,
        levels: int = 256,
        dropout: float = 0.5,
        changes: Changes | None = None,
    ) -> None:
        """``width``: the features of each stream. ``mixtures``: the logistics of a pixel.

        ``blocks``: at each resolution, on the way down and again on the way up. ``halvings``: how often the resolution
        is halved.

        Raises
        ------
        ValueError
            If the events are no images, or there are fewer features than channels.
        """
        super().__init__(event_shape, levels)
        if len(self.event_shape) != 3 or width < self.event_shape[0]:
            raise ValueError(
                f"PixelCNNPlusPlus: event_shape must be (channels, height, width), and width at least channels; "
                f"they were {self.event_shape} and {width}"
            )
        self.changes = Changes() if changes is None else changes
        colours = self.event_shape[0]
        channels = 1 if self.changes.whole_pixels else colours  # among which features are shared out
        self.above = StreamConv2d((2, 3), colours + 1, width)
        self.row_above = StreamConv2d((1, 3), colours + 1, width)
        self.left = StreamConv2d((2, 1), colours + 1, width)
        self.own = CausalConv2d("A", colours, width, 1, channels=colours) if channels > 1 else None
        body: Resolution | None = None
        for _ in range(halvings + 1):  # the coarsest first
            body = Resolution(width, blocks, channels, dropout, self.changes, coarser=body)
        assert body is not None
        self.body = body
        pairs = colours * (colours - 1) // 2 if self.changes.whole_pixels else 0
        if not self.changes.mixture:
            outputs = (colours + pairs) * levels
        elif self.changes.whole_pixels:
            outputs = DiscretizedLogisticMixture.outputs(colours, mixtures)
        else:
            outputs = colours * DiscretizedLogisticMixture.outputs(1, mixtures)
        self.head = StreamConv2d((1, 1), 2 * width, outputs, halves=(2, 1), channels=channels)
        if self.changes.mixture:
            self._spread_out(colours // channels, mixtures)

    def output(self, x: Tensor) -> Tensor:
        """The parameters of every pixel's distribution, (B, H, W, outputs), for x of any height."""
        ones = torch.ones_like(x[:, :1])  # tells the image from the zeros around it
        inside = torch.cat([2 * x - 1, ones], dim=1)  # (B, C + 1, H, W)
        down = shifted_down(self.above(inside))  # (B, width, H, W)
        right = shifted_down(self.row_above(inside)) + shifted_right(self.left(inside))  # (B, width, H, W)
        if self.own is not None:
            right = right + self.own(2 * x - 1)
        _, right = self.body(down, right)
        return self.head(concat_elu(right)).movedim(1, -1).to(x.dtype)

    def pixels(self, output: Tensor) -> DiscretizedLogisticMixture | SoftmaxPixel | ChannelsApart:
        r"""The distribution of a pixel's C channels, from the network's `output` there, (\*batch, outputs)."""
        colours = self.event_shape[0]
        if not self.changes.mixture:
            return SoftmaxPixel(output.unflatten(-1, (-1, self.levels)), colours, self.levels)
        if self.changes.whole_pixels:
            return DiscretizedLogisticMixture.from_output(output, colours, self.levels)
        return ChannelsApart(
            DiscretizedLogisticMixture.from_output(output.unflatten(-1, (colours, -1)), 1, self.levels)
        )

    def log_conditionals(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Log p(x_i given the dimensions before it) in nats, shape (B, C, H, W)."""
        self._labels(labels, len(x))
        return self.pixels(self.output(x)).log_conditionals(x.movedim(1, -1)).movedim(-1, 1)

    def logits(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of all conditionals, (B, C, H, W) or (B, C, H, W, levels): for 256 levels large."""
        pixels, value = self.pixels(self.output(x)), x.movedim(1, -1)  # value: (B, H, W, C)
        rows = torch.stack([pixels.level_logits(value, c) for c in range(x.shape[1])], dim=1)  # (B, C, H, W, levels)
        return self._of_one_level(rows).squeeze(-1) if self.levels == 2 else rows

    def steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The logits of one dimension after the other, (B, 1) or (B, levels): a pass of the network for each pixel."""
        channels, height, width = self.event_shape
        for i, j, c in product(range(height), range(width), range(channels)):
            if c == 0 or not self.changes.whole_pixels:
                pixel = self.pixels(self.output(x[:, :, : i + 1])[:, i, j])  # batch (B,)
            yield self._of_one_level(pixel.level_logits(x[:, :, i, j], c))

    @torch.no_grad()
    def _spread_out(self, colours: int, mixtures: int) -> None:
        """Let the parts of a mixture of ``colours`` begin apart, and narrow: equal ones would long learn the same."""
        assert self.head.bias is not None
        rows = self.head.bias.view(-1, DiscretizedLogisticMixture.outputs(colours, 1), mixtures)
        rows[:, 1 : 1 + colours] = torch.linspace(-0.9, 0.9, mixtures)  # the means
        rows[:, 1 + colours : 1 + 2 * colours] -= 1  # the logarithms of the scales

    def _of_one_level(self, logits: Tensor) -> Tensor:
        """Logits of all levels, or of two only that of the higher one."""
        return logits[..., 1:] - logits[..., :1] if self.levels == 2 else logits


class Resolution(nn.Module):
    """The blocks of both streams at one resolution, and between them those of the next ``coarser`` one, if any."""

    def __init__(
        self,
        width: int,
        blocks: int,
        channels: int,
        dropout: float,
        changes: Changes,
        coarser: Resolution | None,
    ) -> None:
        super().__init__()

        def stream(size: tuple[int, int], channels: int, links: Sequence[int]) -> nn.ModuleList:
            """``links``: among how many channels the features of each link are shared out."""
            return nn.ModuleList(
                GatedBlock(width, size, channels, links, dropout, residual=changes.residual) for _ in range(blocks)
            )

        self.shortcuts = changes.shortcuts
        self.down_before, self.right_before = stream((2, 3), 1, []), stream((2, 2), channels, [1])
        self.down_after = stream((2, 3), 1, [1] if changes.shortcuts else [])
        self.right_after = stream((2, 2), channels, [1, channels] if changes.shortcuts else [1])
        self.coarser = coarser
        self.between = None
        if coarser is not None and changes.downsampling:
            self.between = nn.ModuleList(
                [
                    StreamConv2d((2, 3), width, width, stride=2),
                    StreamConv2d((2, 2), width, width, stride=2, channels=channels),
                    Enlarge2d(width),
                    Enlarge2d(width, channels=channels),
                ]
            )

    def forward(self, down: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """The next features of both streams, each (B, width, H, W)."""
        kept = []
        for down_block, right_block in zip(self.down_before, self.right_before, strict=True):
            down = down_block(down)
            right = right_block(right, down)
            kept.append((down, right))
        if self.coarser is not None and self.between is not None:
            height, width = down.shape[2:]
            reduce_down, reduce_right, enlarge_down, enlarge_right = self.between
            down, right = self.coarser(reduce_down(down), reduce_right(right))  # (B, width, H / 2, W / 2)
            down = enlarge_down(down)[:, :, :height, :width]
            right = enlarge_right(right)[:, :, :height, :width]
        elif self.coarser is not None:
            down, right = self.coarser(down, right)
        links = int(self.shortcuts)
        for down_block, right_block in zip(self.down_after, self.right_after, strict=True):
            from_down, from_right = kept.pop()
            down = down_block(down, *[from_down] * links)
            right = right_block(right, down, *[from_right] * links)
        return down, right


class GatedBlock(nn.Module):
    r"""x plus a gated step, from two convolutions of its stream and from links to features elsewhere.

    .. math:: & x + a \odot \sigma(b), \qquad e(x) = \mathrm{elu}(x, -x), \\
              & (a, b) = \mathrm{conv}\; e\Big(\mathrm{conv}\; e(x) + \sum_l \mathrm{conv}_{1\times1}\, e(l)\Big)
    """

    def __init__(
        self,
        width: int,
        size: tuple[int, int],
        channels: int,
        links: Sequence[int],
        dropout: float,
        *,
        residual: bool,
    ) -> None:
        super().__init__()
        self.first = StreamConv2d(size, 2 * width, width, halves=(2, 1), channels=channels)
        self.links = nn.ModuleList(
            StreamConv2d((1, 1), 2 * width, width, halves=(2, 1), channels=among) for among in links
        )
        self.dropout = nn.Dropout(dropout)
        self.second = StreamConv2d(size, 2 * width, 2 * width, halves=(2, 2), channels=channels)
        self.residual = residual

    def forward(self, x: Tensor, *links: Tensor) -> Tensor:
        """The next features of the stream, (B, width, H, W)."""
        h = self.first(concat_elu(x))  # (B, width, H, W)
        for link, features in zip(self.links, links, strict=True):
            h = h + link(concat_elu(features))
        step, passing = self.second(self.dropout(concat_elu(h))).chunk(2, dim=1)
        step = step * passing.sigmoid()
        return x + step if self.residual else step


class StreamConv2d(nn.Conv2d):
    """A convolution that looks up and left: (B, inputs, H, W) to (B, outputs, H / stride, W / stride), rounded up.

    Its kernel of ``size`` (rows, columns) ends in the pixel's own row: at the pixel if it is 1 or 2 columns wide, a
    column further right if it is 3 wide, for the stream that sees only rows above. Features, in ``halves``, may be
    shared out among ``channels``, with mask B.
    """

    mask: Tensor | None

    def __init__(
        self,
        size: tuple[int, int],
        inputs: int,
        outputs: int,
        *,
        stride: int = 1,
        halves: tuple[int, int] = (1, 1),
        channels: int = 1,
    ) -> None:
        super().__init__(inputs, outputs, size, stride=stride)
        rows, columns = size
        self.border = (columns // 2, (columns - 1) // 2, rows - 1, 0)
        mask = None
        if channels > 1:
            groups_in = channel_groups(inputs // halves[0], channels).repeat(halves[0])
            groups_out = channel_groups(outputs // halves[1], channels).repeat(halves[1])
            mask = causal_mask("B", groups_out, groups_in, rows, columns).float()  # (outputs, inputs, rows, columns)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The features at every place of the output."""
        weight = self.weight if self.mask is None else self.weight * self.mask
        return self._conv_forward(pad(x, self.border), weight, self.bias)


class Enlarge2d(nn.ConvTranspose2d):
    """Each pixel's features to a square of 2 x 2 pixels, of which it is the first: (B, width, 2 H, 2 W)."""

    mask: Tensor | None

    def __init__(self, width: int, *, channels: int = 1) -> None:
        super().__init__(width, width, 2, stride=2)
        mask = None
        if channels > 1:
            groups = channel_groups(width, channels)
            mask = torch.ones(width, width, 2, 2)
            mask[:, :, 0, 0] = (groups >= groups.unsqueeze(1)).float()  # (inputs, outputs)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The features of the finer resolution."""
        weight = self.weight if self.mask is None else self.weight * self.mask
        return conv_transpose2d(x, weight, self.bias, stride=2)


class SoftmaxPixel:
    """The C channels of a pixel, each by a softmax over the levels.

    ``rows``: C logits of every level, then, where pixels are whole, C (C - 1) / 2 slopes: how they change with each
    channel before theirs, in [-1, 1], in the order G on R, B on R, B on G; (*batch, rows, levels).
    """

    def __init__(self, rows: Tensor, channels: int, levels: int) -> None:
        self.levels = levels
        self.rows, self.slopes = rows[..., :channels, :], rows[..., channels:, :]

    def level_logits(self, value: Tensor, channel: int) -> Tensor:
        r"""The logits of each level of one channel, given the channels before it; (\*batch, levels)."""
        logits = self.rows[..., channel, :]
        if self.slopes.shape[-2] > 0:
            first = channel * (channel - 1) // 2
            for earlier in range(channel):
                x = 2 * value[..., earlier, None] - 1  # (*batch, 1)
                logits = logits + self.slopes[..., first + earlier, :] * x
        return logits

    def log_conditionals(self, value: Tensor) -> Tensor:
        r"""Log P of each channel given the channels before it, in nats, (\*batch, C)."""
        logits = torch.stack([self.level_logits(value, c) for c in range(value.shape[-1])], dim=-2)
        if self.levels == 2:
            logits = logits[..., 1] - logits[..., 0]
        return log_prob_of(value, logits, self.levels)


class ChannelsApart:
    """The C channels of a pixel, each with a mixture of its own: batch shape (*batch, C), event shape (1,)."""

    def __init__(self, channels: DiscretizedLogisticMixture) -> None:
        self.channels = channels

    def level_logits(self, value: Tensor, channel: int) -> Tensor:
        r"""The log-probability of each level of one channel, (\*batch, levels)."""
        return self.channels.level_logits(value.unsqueeze(-1), 0)[..., channel, :]

    def log_conditionals(self, value: Tensor) -> Tensor:
        r"""Log P of each channel, in nats, (\*batch, C)."""
        return self.channels.log_prob(value.unsqueeze(-1))


def concat_elu(x: Tensor) -> Tensor:
    """The exponential linear unit of the features and of their negatives, (B, 2 * width, ...)."""
    return elu(torch.cat([x, -x], dim=1))


def shifted_down(x: Tensor) -> Tensor:
    """Every row one place further down, zeros in the first."""
    return pad(x, (0, 0, 1, -1))


def shifted_right(x: Tensor) -> Tensor:
    """Every column one place further right, zeros in the first."""
    return pad(x, (1, -1))

"""PixelCNN and gated PixelCNN: the conditionals of an image by masked convolutions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from coursekit.autoregressive.base import Autoregressive
from coursekit.autoregressive.convolutions import CachedConv2d, CausalConv2d, VerticalConv2d

Apply = Callable[[nn.Module, Tensor | None], Tensor]
"""How a network applies its layers: to whole images, or to one pixel with what is kept of the others."""


class PixelNetwork(Autoregressive):
    """What PixelCNN and its gated sibling share: one network, applied to whole images or to a pixel at a time.

    `network` gives the features of the output by applying ``first`` to x, then other layers. Written once, it
    serves both ways.
    """

    first_size, size = 7, 3
    """The widths of the first layer's kernel and of all others."""
    margin = 0
    """Empty columns behind the last pixels, for networks that read a finished row back from its end."""

    def __init__(self, event_shape: Sequence[int], width: int, levels: int) -> None:
        """A network for images of ``event_shape`` (channels, height, width).

        Raises
        ------
        ValueError
            If the events are no images or there are fewer features than channels.
        """
        super().__init__(event_shape, levels)
        if len(self.event_shape) != 3 or width < self.event_shape[0]:
            raise ValueError(
                f"{type(self).__name__}: event_shape must be (channels, height, width), and width at least channels; "
                f"they were {self.event_shape} and {width}"
            )

    @property
    def first(self) -> CausalConv2d:
        """The convolution that sees x."""
        raise NotImplementedError(f"{type(self).__name__} must define first")

    def network(self, x: Tensor | None, links: list[Tensor], apply: Apply) -> Tensor:
        """The output, of shape (B, channels * outputs, H, W) for whole images."""
        raise NotImplementedError(f"{type(self).__name__} must define network(x, links, apply)")

    def links(self, x: Tensor, labels: Tensor | None) -> list[Tensor]:
        """What the layers of `network` receive from elsewhere, each (B, features, H, W)."""
        return []

    def link_rows(self, x: Tensor, labels: Tensor | None) -> Iterator[list[list[Tensor]]]:
        """The same as `links` row by row, each layer's as one tensor a colour channel, (W, B, features)."""
        while True:
            yield []

    def logits(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of all conditionals, (B, C, H, W) or (B, C, H, W, levels)."""

        def everywhere(layer: nn.Module, value: Tensor | None) -> Tensor:
            return layer(value)

        output = self.network(
            pad(x, (0, self.margin)), self.links(x, labels), everywhere
        )  # (B, C * outputs, H, W + ...)
        output = output[..., : x.shape[3]]
        if self.levels == 2:
            return output
        return output.unflatten(1, (self.event_shape[0], self.levels)).movedim(2, -1)  # (B, C, H, W, levels)

    def steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The logits of one dimension after the other, (B, outputs) each.

        Each layer keeps what it needs of the pixels before, so that a new value costs one column of features of its
        colour channel.
        """
        channels, height, width = self.event_shape
        kept = self.kept(len(x), width + self.margin)
        link_rows = self.link_rows(x, labels)
        for i in range(height):
            links = next(link_rows)
            for j, c in product(range(width + self.margin), range(channels)):

                def here(layer: nn.Module, value: Tensor | None, j: int = j, c: int = c) -> Tensor:
                    return kept[layer](j, c, value)

                output = self.network(None, [link[c][j] for link in links], here)
                if j < width:
                    yield output
                    kept[self.first].put(j, x[:, :, i, j])
            for layer in kept.values():
                layer.start_row()

    def kept(self, n: int, width: int) -> dict[nn.Module, Any]:
        """What each layer keeps of ``n`` images while they are drawn: a convolution its inputs."""
        return {m: CachedConv2d(m, n, width) for m in self.modules() if isinstance(m, CausalConv2d)}


class ResidualBlock(nn.Module):
    """h plus what three convolutions, with half as many features inside, add to it; each follows a rectifier."""

    def __init__(self, width: int, size: int, channels: int) -> None:
        super().__init__()
        self.narrow = CausalConv2d("B", 2 * width, width, 1, channels=channels)
        self.look = CausalConv2d("B", width, width, size, channels=channels)
        self.widen = CausalConv2d("B", width, 2 * width, 1, channels=channels)

    def forward(self, h: Tensor, apply: Apply) -> Tensor:
        """The next features, (B, 2 * width, H, W)."""
        step = apply(self.narrow, h.relu())  # (B, width, H, W)
        step = apply(self.look, step.relu())  # (B, width, H, W)
        return h + apply(self.widen, step.relu())


class PixelCNN(PixelNetwork):
    r"""Masked convolutions: a 7 x 7 one with mask A, then residual blocks with mask B.

    .. math:: h \leftarrow h + \mathrm{conv}_{1\times1}\, r\, \mathrm{conv}_{3\times3}\, r\, \mathrm{conv}_{1\times1}\,
              r(h), \qquad r = \max(0, \cdot)

    However deep the network, a pixel does not see all the pixels before it: a 3 x 3 kernel reaches one pixel further to
    the right only by going up a row. On the row r above, the last column seen is r + 2 to the right of the pixel, and
    beyond it lies the blind spot, which `GatedPixelCNN` does not have.

    Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016).
    """

    def __init__(self, event_shape: Sequence[int], width: int = 32, blocks: int = 5, levels: int = 2) -> None:
        """``width``: the features of a 3 x 3 convolution; between the blocks there are twice as many."""
        super().__init__(event_shape, width, levels)
        channels = self.event_shape[0]
        self.entry = CausalConv2d("A", channels, 2 * width, self.first_size, channels=channels)
        self.blocks = nn.ModuleList(ResidualBlock(width, self.size, channels) for _ in range(blocks))
        self.hidden = CausalConv2d("B", 2 * width, 2 * width, 1, channels=channels)
        self.output = CausalConv2d("B", 2 * width, channels * self.outputs, 1, channels=channels)

    @property
    def first(self) -> CausalConv2d:
        """The convolution that sees x."""
        return self.entry

    def network(self, x: Tensor | None, links: list[Tensor], apply: Apply) -> Tensor:
        """The output, of shape (B, channels * outputs, H, W) for whole images."""
        h = apply(self.entry, x)  # (B, 2 * width, H, W)
        for block in self.blocks:
            h = block(h, apply)
        return apply(self.output, apply(self.hidden, h.relu()).relu())


class GatedLayer(nn.Module):
    r"""A layer of the gated PixelCNN: two stacks, and gates in place of rectifiers.

    .. math:: y = \tanh(W_f * x + V_f\, c) \odot \sigma(W_g * x + V_g\, c)

    The vertical stack sees the rows above; the horizontal one the pixels to the left, and the vertical one through a
    1 x 1 convolution. ``c`` is the class, if there are ``classes``.
    """

    def __init__(self, inputs: int, width: int, size: int, *, first: bool, channels: int, classes: int | None) -> None:
        super().__init__()
        self.vertical = VerticalConv2d(inputs, 2 * width, size, strict=first)
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = CausalConv2d(
            "A" if first else "B", inputs, 2 * width, size, rows=1, channels=channels, halves=2
        )
        self.residual = CausalConv2d("B", width, width, 1, channels=channels)
        self.classes = None if classes is None else nn.Embedding(classes, 4 * width)

    def down(self, v: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """From the vertical convolution: the stack's next features, and what the horizontal stack gets."""
        if self.classes is None:
            return gate(v), self.link(v)  # (B, width, H, W), (B, 2 * width, H, W)
        own, other = self.classes(labels)[..., None, None].chunk(2, dim=1)  # (B, 2 * width, 1, 1) each
        return gate(v + own), self.link(v + own) + other


def gate(x: Tensor) -> Tensor:
    """tanh of the first half of the features times sigmoid of the second, (B, 2 * width, ...) to (B, width, ...)."""
    signal, passing = x.chunk(2, dim=1)
    return signal.tanh() * passing.sigmoid()


class GatedPixelCNN(PixelNetwork):
    """PixelCNN without a blind spot: whole rows above by one stack, the pixels to the left by another.

    With ``classes`` it is conditional, p(x given label), and trained on batches of (images, labels).

    Source: van den Oord et al. (2016), "Conditional image generation with PixelCNN decoders".
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        width: int = 32,
        layers: int = 5,
        levels: int = 2,
        classes: int | None = None,
    ) -> None:
        """``width``: the features of each stack."""
        super().__init__(event_shape, width, levels)
        self.classes = classes
        channels = self.event_shape[0]
        self.layers = nn.ModuleList(
            GatedLayer(
                width if i > 0 else channels,
                width,
                self.size if i > 0 else self.first_size,
                first=i == 0,
                channels=channels,
                classes=classes,
            )
            for i in range(layers)
        )
        self.hidden = CausalConv2d("B", width, width, 1, channels=channels)
        self.output = CausalConv2d("B", width, channels * self.outputs, 1, channels=channels)

    @property
    def first(self) -> CausalConv2d:
        """The convolution of the horizontal stack that sees x."""
        return self._layers()[0].horizontal

    def links(self, x: Tensor, labels: Tensor | None) -> list[Tensor]:
        """What the vertical stack hands to each layer of the horizontal one, (B, 2 * width, H, W)."""
        links = []
        for layer in self._layers():
            x, link = layer.down(layer.vertical(x), labels)
            links.append(link)
        return links

    def link_rows(self, x: Tensor, labels: Tensor | None) -> Iterator[list[list[Tensor]]]:
        """The same, row by row: each row as soon as the one above it is complete."""
        layers = self._layers()
        stack = [layer.vertical for layer in layers]
        above = [x.new_zeros(len(x), conv.in_channels, conv.kernel_size[0], x.shape[3]) for conv in stack]
        groups = [[layer.horizontal.groups_out == c for c in range(x.shape[1])] for layer in layers]
        for i in range(x.shape[2]):
            v = x[:, :, i - 1 : i] if i > 0 else torch.zeros_like(x[:, :, :1])  # (B, C, 1, W): the row above
            rows = []
            for k, layer in enumerate(layers):
                above[k] = torch.cat([above[k][:, :, 1:], v], dim=2)
                own = conv2d(above[k], stack[k].weight, stack[k].bias, padding=stack[k].padding)
                v, link = layer.down(own, labels)  # (B, width, 1, W), (B, 2 * width, 1, W)
                link = link.squeeze(2).permute(2, 0, 1)  # (W, B, 2 * width)
                rows.append([link[..., group].contiguous() for group in groups[k]])
            yield rows

    def network(self, x: Tensor | None, links: list[Tensor], apply: Apply) -> Tensor:
        """The output, of shape (B, channels * outputs, H, W) for whole images: the horizontal stack."""
        h = None
        for layer, link in zip(self._layers(), links, strict=True):
            gated = gate(apply(layer.horizontal, x if h is None else h) + link)  # (B, width, H, W)
            step = apply(layer.residual, gated)
            h = step if h is None else h + step
        assert h is not None
        return apply(self.output, apply(self.hidden, h.relu()).relu())

    def _layers(self) -> list[GatedLayer]:
        return [layer for layer in self.layers if isinstance(layer, GatedLayer)]

"""Convolutions that look up and left only, for whole images and for one pixel after the other."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad

from coursekit.autoregressive.masks import causal_mask, channel_groups


class CausalConv2d(nn.Conv2d):
    """A convolution with mask A or B: (B, inputs, H, W) to (B, outputs, H, W).

    Of a kernel of ``size`` x ``size``, ``rows`` are kept, the last of them level with the pixel: by default all that do
    not lie below it. Features are shared out among the ``channels`` of the image, R first; of ``outputs`` in two
    ``halves``, as a gate needs them, each half is.
    """

    mask: Tensor

    def __init__(
        self,
        kind: Literal["A", "B"],
        inputs: int,
        outputs: int,
        size: int,
        *,
        rows: int | None = None,
        channels: int = 1,
        halves: int = 1,
    ) -> None:
        rows = size // 2 + 1 if rows is None else rows
        super().__init__(inputs, outputs, (rows, size))
        self.groups_in = channel_groups(inputs, channels)  # (inputs,)
        self.groups_out = channel_groups(outputs // halves, channels).repeat(halves)  # (outputs,)
        mask = causal_mask(kind, self.groups_out, self.groups_in, rows, size)
        self.register_buffer("mask", mask.float(), persistent=False)  # (outputs, inputs, rows, size)

    def forward(self, x: Tensor) -> Tensor:
        """The features at every pixel, (B, outputs, H, W)."""
        rows, columns = self.kernel_size
        if self.kernel_size != (1, 1):  # padding by nothing would copy x
            x = pad(x, (columns // 2, columns // 2, rows - 1, 0))  # (B, inputs, H + rows - 1, W + columns - 1)
        return conv2d(x, self.weight * self.mask, self.bias)


class VerticalConv2d(nn.Conv2d):
    """A convolution over whole rows: (B, inputs, H, W) to (B, outputs, H, W).

    ``strict``: over the rows above a pixel's own, as the first layer needs; else over its own row too. No mask is
    needed, only a shift.
    """

    def __init__(self, inputs: int, outputs: int, size: int, *, strict: bool) -> None:
        super().__init__(inputs, outputs, (size // 2 + (not strict), size), padding=(0, size // 2))
        self.strict = strict

    def forward(self, x: Tensor) -> Tensor:
        """The features at every pixel, (B, outputs, H, W)."""
        rows = self.kernel_size[0]
        return super().forward(pad(x, (0, 0, rows, -1) if self.strict else (0, 0, rows - 1, 0)))


class CachedConv2d:
    """A `CausalConv2d` at one pixel after the other, in raster order, for ``n`` images at once.

    It keeps what it was given. `start_row` computes what the rows above contribute to all pixels of a row, as one
    convolution; a call adds what stands in the row itself: a small matrix product.
    """

    def __init__(self, convolution: CausalConv2d, n: int, width: int) -> None:
        weight = convolution.weight * convolution.mask  # (outputs, inputs, rows, columns)
        self.rows, columns = convolution.kernel_size
        self.reach = columns // 2  # pixels to the left
        own = weight[:, :, -1, : self.reach + 1].transpose(1, 2).flatten(1)  # (outputs, (reach + 1) * inputs)
        channels = int(convolution.groups_out.max()) + 1
        self.outputs = [(convolution.groups_out == c).nonzero().flatten().tolist() for c in range(channels)]
        ends = torch.searchsorted(convolution.groups_in, torch.arange(channels), right=True).tolist()
        self.inputs = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]  # the groups are contiguous
        self.own = [own[features] for features in self.outputs]
        self.above_weight, self.bias = weight[:, :, :-1], convolution.bias
        # the current row, padded at the left; what stands right of the pixel is of the row before, and never looked at
        self.row = weight.new_zeros(n, width + self.reach, weight.shape[1])
        self.above = weight.new_zeros(n, weight.shape[1], self.rows - 1, width)  # the rows above it
        self.start_row()

    def start_row(self) -> None:
        """Begin the next row of the images."""
        n, inputs, _, width = self.above.shape
        if self.rows > 1:
            finished = self.row[:, self.reach :].transpose(1, 2).unsqueeze(2)  # (n, inputs, 1, width)
            self.above = torch.cat([self.above[:, :, 1:], finished], dim=2)  # (n, inputs, rows - 1, width)
            fixed = conv2d(self.above, self.above_weight, self.bias, padding=(0, self.reach)).squeeze(2)
        else:
            assert self.bias is not None
            fixed = self.bias.view(1, -1, 1).expand(n, -1, width)
        fixed = fixed.permute(2, 0, 1)  # (width, n, outputs)
        self.fixed = [fixed[..., features].contiguous() for features in self.outputs]

    def put(self, j: int, value: Tensor) -> None:
        """Let ``value`` (n, inputs) stand at pixel ``j`` of the row."""
        self.row[:, self.reach + j] = value

    def __call__(self, j: int, c: int, value: Tensor | None = None) -> Tensor:
        """The outputs of colour channel ``c`` at pixel ``j``, after its inputs of that channel are set to ``value``."""
        if value is not None:
            self.row[:, self.reach + j, self.inputs[c]] = value
        window = self.row[:, j : j + self.reach + 1].flatten(1)  # (n, (reach + 1) * inputs)
        return self.fixed[c][j] + linear(window, self.own[c])

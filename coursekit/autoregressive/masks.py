"""Orders and masks: which dimension may look at which. A mask is boolean, (outputs, inputs, ...): True is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor


def raster_order(event_shape: Sequence[int]) -> list[int]:
    """The dimensions in raster order: row by row, pixel by pixel, and within a pixel R, then G, then B.

    They are numbered as in ``x.flatten(1)`` for x of shape (B, C, H, W). An event of another rank keeps its own order.
    """
    dimensions = torch.arange(prod(event_shape)).view(*event_shape)
    if len(event_shape) == 3:
        dimensions = dimensions.permute(1, 2, 0)  # (H, W, C): the channel changes fastest
    return dimensions.flatten().tolist()


def positions(order: Sequence[int]) -> Tensor:
    """At which place of the order, 0, ..., D - 1, each dimension stands; int64, shape (D,)."""
    return torch.tensor(order).argsort()


def earlier(order: Sequence[int]) -> Tensor:
    """Whether dimension j stands before dimension i, shape (D, D): strictly lower triangular for 0, 1, ..., D - 1."""
    place = positions(order)
    return place.unsqueeze(1) > place  # (D, D)


def hidden_degrees(units: int, dimensions: int) -> Tensor:
    """How many dimensions each hidden unit of a MADE may know, from 1 to D - 1, in equal shares; sorted, (units,).

    The paper draws them; in equal shares no share is lost by chance, and sorted they make sampling a matter of slices.
    """
    return 1 + torch.arange(units) * (dimensions - 1) // units


def made_masks(order: Sequence[int], hidden: Sequence[int]) -> list[Tensor]:
    """The masks of a MADE's layers, from the inputs through the layers of ``hidden`` units to the outputs.

    A unit of degree m knows the first m dimensions of the order. So it may look at a unit of the layer below whose
    degree is at most m, where an input has its place in the order, 1, ..., D, as its degree; and the output of place d
    at hidden units of a degree below d.

    Source: Germain et al. (2015).
    """
    degree = positions(order) + 1  # (D,)
    layers = [degree, *(hidden_degrees(units, len(order)) for units in hidden)]
    masks = [above.unsqueeze(1) >= below for below, above in zip(layers[:-1], layers[1:], strict=True)]
    return [*masks, degree.unsqueeze(1) > layers[-1]]


def channel_groups(features: int, channels: int) -> Tensor:
    """Which colour channel each feature belongs to, in equal shares, R first; int64, shape (features,)."""
    return torch.arange(features) * channels // features


def causal_mask(kind: Literal["A", "B"], outputs: Tensor, inputs: Tensor, rows: int, columns: int) -> Tensor:
    """The mask of a convolution's kernel, (outputs, inputs, rows, columns), for the pixel amid its last row.

    Rows above it and pixels left of it are allowed, pixels right of it are not. Within the pixel the colour channels
    decide, of which ``outputs`` and ``inputs`` are the groups. With mask B, which hidden layers use, a feature may look
    at its own channel and those before it; with mask A, which the first layer needs, only at those before it.

    Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016).
    """
    mask = torch.ones(len(outputs), len(inputs), rows, columns, dtype=torch.bool)
    middle = columns // 2
    mask[:, :, -1, middle + 1 :] = False
    own, other = outputs.unsqueeze(1), inputs
    mask[:, :, -1, middle] = own > other if kind == "A" else own >= other
    return mask

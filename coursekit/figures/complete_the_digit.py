"""Live figure: the reader draws the upper rows of a small digit, and a MADE in the browser completes it."""

from __future__ import annotations

from typing import Any

import torch
import traitlets
from torch import Tensor

from coursekit.autoregressive import MADE
from coursekit.figures.base import NetworkFigure

SIDE = 14


class CompleteTheDigit(NetworkFigure):
    """The upper rows of a digit of 14 x 14 pixels are the reader's; a MADE draws the others, several times over.

    Args:
        model: a trained `MADE` for binary images of 14 x 14 pixels, with one hidden layer and one ordering.
        digits: real digits to start from, 0 and 1, shape (N, 1, 14, 14) or (N, 196).

    Attributes:
        pixels: the drawing, 196 characters 0 or 1, row by row; at first the first of the digits.
        rows: how many of its rows are given to the model.
        seed: of the random numbers behind the completions.
        digits: the real digits, written as `pixels` is.
    """

    script = "complete_the_digit.js"
    description = (
        "A drawing board of 14 by 14 pixels whose upper rows are given, with a white stroke on black. Beside it, six "
        "completions: the same upper rows, and below a line the orange pixels that a small network drew, one after the "
        "other; under each, the nats that a drawn pixel costs on average."
    )
    pixels = traitlets.Unicode("0" * SIDE * SIDE).tag(sync=True)
    rows = traitlets.Int(SIDE // 2, min=0, max=SIDE).tag(sync=True)
    seed = traitlets.Int(1, min=1).tag(sync=True)
    digits: traitlets.List = traitlets.List([]).tag(sync=True)

    def __init__(self, model: MADE | None = None, digits: Any = (), **traits: Any) -> None:
        written = ["".join(str(int(pixel)) for pixel in image.flatten()) for image in digits]
        if any(len(digit) != SIDE * SIDE or set(digit) - {"0", "1"} for digit in written):
            raise ValueError(f"CompleteTheDigit: digits must be binary images of {SIDE} x {SIDE} pixels")
        if written:
            traits.setdefault("pixels", written[0])
        super().__init__({} if model is None else packed(model), digits=written, **traits)


@torch.no_grad()
def packed(model: MADE) -> dict[str, Tensor]:
    """The weights that the masks let through, and only those: half of all, row by row in one long list for each layer.

    Raises
    ------
    ValueError
        If the figure cannot draw with such a model.
    """
    if model.event_shape != (1, SIDE, SIDE) or model.levels != 2 or len(model.layers) != 2 or len(model.orderings) != 1:
        raise ValueError(
            f"CompleteTheDigit draws with a MADE for binary images of shape (1, {SIDE}, {SIDE}), with one hidden layer "
            f"and one ordering; this one has shape {model.event_shape}, {model.levels} levels, "
            f"{len(model.layers) - 1} hidden layers and {len(model.orderings)} orderings"
        )
    tensors = {}
    for i, (name, layer) in enumerate(zip(("hidden", "output"), model.layers, strict=True)):
        allowed = model.get_buffer(f"mask_{i}")[0].bool()  # (outputs, inputs)
        tensors[f"{name}.weight"] = layer.get_parameter("weight")[allowed]
        tensors[f"{name}.bias"] = layer.get_parameter("bias")
    return tensors

"""Live figure: a gated PixelCNN draws an image pixel by pixel; any pixel shows what the network expected there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import traitlets
from torch import Tensor

from coursekit.autoregressive import GatedPixelCNN
from coursekit.figures.base import NetworkFigure


class PixelByPixel(NetworkFigure):
    """A class-conditional gated PixelCNN on grey images draws them here, one pixel at a time.

    Args:
        network: the trained network, of images with one channel, more than two levels, and classes.
        drawn: the levels of the first pixels in raster order, drawn already when the figure appears.

    Attributes:
        label: the class to be drawn.
        cursor: number of the pixel, in raster order, whose distribution is shown.
        seed: of the random numbers; pixel d always uses the d-th of a seed.
    """

    script = "pixel_by_pixel.js"
    description = (
        "A small grey image that is drawn pixel by pixel from the top left, and beside it the probabilities of the "
        "levels of one pixel. Dots on the earlier pixels say how much each of them changes that prediction."
    )
    height = traitlets.Int(1, min=1).tag(sync=True)
    width = traitlets.Int(1, min=1).tag(sync=True)
    levels = traitlets.Int(4, min=3).tag(sync=True)
    classes = traitlets.Int(1, min=1).tag(sync=True)
    drawn: traitlets.List = traitlets.List([]).tag(sync=True)
    label = traitlets.Int(0, min=0).tag(sync=True)
    cursor = traitlets.Int(0, min=0).tag(sync=True)
    seed = traitlets.Int(1, min=0).tag(sync=True)

    def __init__(self, network: GatedPixelCNN | None = None, drawn: Sequence[int] = (), **traits: Any) -> None:
        if network is None:
            super().__init__(**traits)
            return
        channels, height, width = network.event_shape
        if channels != 1 or network.levels == 2 or network.classes is None:
            raise ValueError(
                "PixelByPixel draws grey images of more than two levels from a network with classes; this one has "
                f"{channels} channels, {network.levels} levels and {network.classes or 'no'} classes"
            )
        start = {"cursor": min(len(drawn), height * width - 1), "drawn": [int(level) for level in drawn]}
        sizes = {"height": height, "width": width, "levels": network.levels, "classes": network.classes}
        super().__init__(unmasked(network), **(start | sizes | traits))


@torch.no_grad()
def unmasked(network: GatedPixelCNN) -> dict[str, Tensor]:
    """The weights by layer, masked ones cut down to the columns that the mask leaves: up to the pixel's own."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in network.state_dict().items():
        name = name.removeprefix("layers.")
        owner, _, kind = name.rpartition(".")
        if owner.endswith("horizontal") and kind == "weight":
            convolution = network.get_submodule(f"layers.{owner}")
            masked = parameter * convolution.get_buffer("mask")  # (outputs, inputs, 1, columns)
            parameter = masked[..., : masked.shape[-1] // 2 + 1]
        tensors[name] = parameter
    return tensors

"""Live figure: walk between the codes of two images, and out of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import traitlets
from torch import Tensor, nn

from coursekit.figures.base import NetworkFigure


class CodeWalk(NetworkFigure):
    """A straight line through the code space of an autoencoder, decoded, beside the straight blend of two images.

    Args:
        decoder: two linear layers with a ReLU between them, as in ``DenseDecoder``; a logistic function follows.
        codes: codes of training images, (N, K): the data whose nearness is measured; a thousand are enough.
        ends: codes of the images between which the reader walks, (M, K).
        images: these images, (M, 1, H, W) with values in [0, 1].
        labels: what the reader chooses them by, M texts or numbers.
        first: number of the image where the walk starts.
        second: number of the image where it arrives.
        t: place on the walk: 0 is the first image, 1 the second.
        radius: distance of the random code from the middle of the codes; 1 is the training codes' root mean square.
        direction: seed of the random code's direction.
    """

    script = "code_walk.js"
    description = (
        "Two rows of pictures. The upper one decodes points on a straight line between the codes of two digits and "
        "beyond them; the lower one blends the two images pixel by pixel. A curve below shows how far each point of "
        "the line is from the nearest code of a training image. A last row decodes points ever farther away in a "
        "random direction."
    )
    images = traitlets.Bytes(b"").tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    first = traitlets.Int(0, min=0).tag(sync=True)
    second = traitlets.Int(1, min=0).tag(sync=True)
    t = traitlets.Float(0.5, min=-0.5, max=1.5).tag(sync=True)
    radius = traitlets.Float(2.0, min=0.0, max=4.0).tag(sync=True)
    direction = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(
        self, decoder: nn.Module, codes: Tensor, ends: Tensor, images: Tensor, labels: Sequence[Any], **traits: Any
    ) -> None:
        layers = [layer for layer in decoder.modules() if isinstance(layer, nn.Linear)]
        if len(layers) != 2:
            raise ValueError(f"CodeWalk: decoder must have two linear layers, has {len(layers)}")
        if not len(ends) == len(images) == len(labels):
            raise ValueError(
                "CodeWalk: ends, images and labels must be equally many, "
                f"were {len(ends)}, {len(images)} and {len(labels)}"
            )
        tensors = {f"{i}.{name}": value for i, layer in enumerate(layers) for name, value in layer.named_parameters()}
        pixels = (images * 255).round().to(torch.uint8)
        super().__init__(
            {**tensors, "codes": codes, "ends": ends},
            images=pixels.cpu().numpy().tobytes(),
            labels=[str(label) for label in labels],
            **traits,
        )

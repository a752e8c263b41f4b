"""Live figure: a plane through the latent space of a convolutional generator, and the feature maps behind an image."""

from __future__ import annotations

from typing import Any

import torch
import traitlets
from torch import Tensor, nn

from coursekit.adversarial import DCGANGenerator
from coursekit.figures.base import NetworkFigure


class GeneratorWalk(NetworkFigure):
    """A plane through three latent points of a trained DCGAN generator with all five rules; drag a point through it.

    z = A + x (B - A) + y (C - A): the points stand at (0, 0), (1, 0) and (0, 1), and B - A + C at (1, 1).

    Args:
        generator: the trained generator; its batch normalisation is folded into its other layers.
        corners: the latent points A, B and C, shape (3, L), as a tensor or nested lists; kept with three decimals.

    Attributes:
        place: the point's coordinates (x, y).
        length: ``"free"`` leaves the length of z as the plane has it, ``"kept"`` makes it that of a typical draw.
        layer: 0 or 1, of the layer whose map `chosen` is switched off if `off`.
        seed: 0 for the corners given; another number draws other corners from the prior.
    """

    script = "generator_walk.js"
    description = (
        "A plane tiled with small generated digits, with a point that can be dragged. Beside it, the image at that "
        "point and the feature maps it is made from: many maps of 7 by 7, then fewer of 14 by 14 pixels, and any of "
        "them can be switched off."
    )
    corners: traitlets.List = traitlets.List([]).tag(sync=True)
    place = traitlets.List([0.25, 0.25], minlen=2, maxlen=2).tag(sync=True)
    length = traitlets.Enum(["free", "kept"], "free").tag(sync=True)
    layer = traitlets.Int(0, min=0, max=1).tag(sync=True)
    chosen = traitlets.Int(1, min=1).tag(sync=True)
    off = traitlets.Bool(False).tag(sync=True)
    seed = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(self, generator: DCGANGenerator | None = None, corners: Any = (), **traits: Any) -> None:
        rows = corners.tolist() if hasattr(corners, "tolist") else corners
        if len(rows) not in (0, 3):
            raise ValueError(f"GeneratorWalk: corners must be three latent points, were {len(rows)}")
        rounded = [[round(float(value), 3) for value in row] for row in rows]
        super().__init__({} if generator is None else folded(generator), corners=rounded, **traits)


@torch.no_grad()
def folded(generator: DCGANGenerator) -> dict[str, Tensor]:
    """The weights of the generator in evaluation mode, with every batch normalisation folded into the layer before it.

    "0.weight" and "0.bias" are those of the dense layer, "1.weight" and so on of the transposed convolutions. A
    normalisation of a trained network multiplies each channel by a number and adds one: so may the layer before it.

    Raises
    ------
    ValueError
        If a layer is none of those of a generator with all five rules.
    """
    folded: list[tuple[Tensor, Tensor]] = []
    for module in generator:
        if isinstance(module, nn.Linear | nn.ConvTranspose2d):
            assert module.bias is not None
            folded.append((module.weight.double(), module.bias.double()))
        elif isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            scale = module.weight.double() / (module.running_var.double() + module.eps).sqrt()  # (C,)
            shift = module.bias.double() - module.running_mean.double() * scale  # (C,)
            weight, bias = folded.pop()
            if weight.ndim == 2:  # the dense layer gives whole maps: each channel stands in H * W rows
                scale, shift = (v.repeat_interleave(len(bias) // len(v)) for v in (scale, shift))  # (C * H * W,)
                folded.append((weight * scale[:, None], bias * scale + shift))
            else:  # (I, C, 4, 4)
                folded.append((weight * scale[:, None, None], bias * scale + shift))
        elif isinstance(module, nn.Upsample | nn.Conv2d | nn.Sigmoid):
            raise ValueError(f"GeneratorWalk draws a generator with all five rules; this one has a {module}")
    if len(folded) != 3 or folded[1][0].ndim == 2:
        raise ValueError(
            "GeneratorWalk draws a generator of 28 x 28 pixels without a dense hidden layer; this one has layers "
            f"{', '.join(type(m).__name__ for m in generator)}"
        )
    return {
        f"{i}.{name}": tensor.float()
        for i, layer in enumerate(folded)
        for name, tensor in zip(("weight", "bias"), layer, strict=True)
    }

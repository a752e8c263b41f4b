"""Live figure: which inputs reach an output of a dilated stack, what a step costs, and a network that plays."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets

from coursekit.autoregressive import WaveNet
from coursekit.figures.base import NetworkFigure


class DilatedStack(NetworkFigure):
    """A stack of dilated causal convolutions, drawn; and below it a trained `WaveNet` that makes sound in the browser.

    Args:
        model: a trained network of 256 mu-law levels, conditional on ``classes``.
        classes: what its labels mean, one name each.
        rate: samples a second.
        layers: of the stack that is drawn.
        base: its dilations are the powers of this, 1 for no dilation.
        kernel: how many features each of its convolutions looks at.
        output: the place whose receptive field is shown, from 0 to 31.

    Raises:
        ValueError: when the network is no such network, or the names are not one for each class.
    """

    script = "dilated_stack.js"
    description = (
        "Circles in rows: inputs at the bottom, layers above them, 32 places from left to right. The circles and lines "
        "through which inputs reach one chosen output at the top are lit. Sliders change the number of layers, the "
        "base of the dilations and the kernel. Below, a network generates a note sample by sample: the whole wave, and "
        "its last 25 milliseconds."
    )
    layers = traitlets.Int(4, min=1, max=5).tag(sync=True)
    base = traitlets.Int(2, min=1, max=3).tag(sync=True)
    kernel = traitlets.Int(2, min=2, max=3).tag(sync=True)
    output = traitlets.Int(31, min=0, max=31).tag(sync=True)
    classes: traitlets.List = traitlets.List([]).tag(sync=True)
    dilations: traitlets.List = traitlets.List([]).tag(sync=True)
    rate = traitlets.Int(8000).tag(sync=True)
    label = traitlets.Int(0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(self, model: WaveNet, classes: Sequence[str], rate: int = 8000, **traits: object) -> None:
        if model.levels != 256 or model.classes != len(classes):
            raise ValueError(
                f"DilatedStack: the model must have 256 levels and a class for each name; it has {model.levels} levels "
                f"and {model.classes} classes, and there are {len(classes)} names"
            )
        dilations = [layer.dilation for layer in model._layers()]
        super().__init__(model.state_dict(), classes=list(classes), dilations=dilations, rate=rate, **traits)

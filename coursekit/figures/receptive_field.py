"""Live figure: which earlier pixels a network sees, and in which order its states are computed."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class ReceptiveField(LiveFigure):
    """The receptive field of a pixel in four networks, found by following what each layer looks at.

    The networks are those of ``coursekit.autoregressive``, with one colour channel, and a memory that reads the pixels
    as a string. A second view shows the order in which the states of a layer can be computed.

    Args:
        kind: ``"raster"`` (the string), ``"row"`` (Row LSTM), ``"diagonal"`` (Diagonal BiLSTM) or ``"pixelcnn"``.
        layers: how many recurrent layers, or residual blocks of a PixelCNN.
        first: size of the first, masked convolution; the string has none.
        row: of the pixel, from the top, 0 to 12.
        column: of the pixel, from the left, 0 to 12.
        step: how many steps of the order are shown; 0 shows the receptive field.
    """

    script = "receptive_field.js"
    description = (
        "A grid of 13 by 13 pixels, of which one is chosen. The earlier pixels that the network sees when it predicts "
        "the chosen one are filled; those that it misses have a cross; later ones are empty. In a second view the "
        "states of a layer light up in the order in which they can be computed. A table compares four networks."
    )
    kind = traitlets.Enum(["raster", "row", "diagonal", "pixelcnn"], "row").tag(sync=True)
    layers = traitlets.Int(1, min=1, max=8).tag(sync=True)
    first = traitlets.Enum([3, 7], 3).tag(sync=True)
    row = traitlets.Int(6, min=0, max=12).tag(sync=True)
    column = traitlets.Int(6, min=0, max=12).tag(sync=True)
    step = traitlets.Int(0, min=0).tag(sync=True)

"""Live figure: relaxed one-hot vectors at any temperature, and what their gradients are worth."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class GumbelTemperature(LiveFigure):
    """Gumbel-softmax samples of three categories, and bias and noise of gradients through them.

    A vector y of three positive numbers that sum to one is shown by its first two. The function under the expectation
    is the squared distance of y from a target; gradients are in the logits. Bias and noise of the relaxed and of the
    straight-through estimate are means over 4,096 points of a lattice of noise; the score function's are exact.

    Args:
        probabilities: of the first two categories.
        target: the first two entries of the target.
        log_temperature: to base ten.
        seed: of the samples shown.
    """

    script = "gumbel_temperature.js"
    description = (
        "Left, a triangle of points whose corners are the three categories: samples lie in the corners when the "
        "temperature is low, and gather in the middle when it is high; two round handles move the probabilities and "
        "the target. Right, against the temperature, bias and noise of gradient estimates: where the bias falls the "
        "noise rises."
    )
    probabilities: traitlets.List = traitlets.List([0.5, 0.3]).tag(sync=True)
    target: traitlets.List = traitlets.List([0.2, 0.7]).tag(sync=True)
    log_temperature = traitlets.Float(-0.3, min=-1.0, max=1.0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

"""Live figure: a generator of one number from one number, its graph to be dragged, and the density that it makes."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class GeneratorCurve(LiveFigure):
    """A curve x = g(z) through seven points at z = -3, ..., 3, and the density of x for z from N(0, 1).

    Between the points the curve is a monotone cubic (Fritsch and Carlson, 1980), beyond them a straight line. So every
    piece meets a value of x at most once, and the density is a sum over pieces of p(z) / abs g'(z), exactly.

    Args:
        knots: the heights of the seven points, each between -3.3 and 3.3.
        z: the noise at which the reader looks.
        draws: number of samples shown at first.
        seed: of the samples.
    """

    script = "generator_curve.js"
    description = (
        "Left, the curve x = g(z) with seven points to drag, the bell curve of the noise z under it, and a narrow "
        "strip of noise that the curve carries to a strip of x. Right, lying on its side, the density of x: a line "
        "from the change of variables over a histogram of samples. Where the curve is level the density is high; where "
        "it turns round, two parts add up."
    )
    knots: traitlets.List = traitlets.List([-2.4, -2.2, -1.9, 0.0, 1.9, 2.2, 2.4]).tag(sync=True)
    z = traitlets.Float(0.5, min=-3.0, max=3.0).tag(sync=True)
    draws = traitlets.Int(4000, min=0, max=20_000).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

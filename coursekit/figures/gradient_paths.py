"""Live figure: where the gradient flows when z is drawn, and how noisy the two ways around the draw are."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class GradientPaths(LiveFigure):
    """Two computational graphs of one expectation, and the two estimates of its gradient from the same draws.

    The expectation is that of f(z), a sum over the dimensions of z, which is Gaussian with standard deviation 1; the
    gradient is that with respect to the first entry of its mean.

    Args:
        function: ``"bowl"`` (the sum of squares), ``"wave"`` (of sines of 2 z) or ``"step"`` (how many are positive).
        size: number of dimensions of z.
        mean: the mean, the same in each dimension.
        baseline: whether the expectation of f is subtracted in the score-function estimate.
        draws: number of draws shown at first.
        seed: of the noise.
    """

    script = "gradient_paths.js"
    description = (
        "Two computational graphs side by side. Left, z itself is random, and the backward arrow stops at it; the "
        "gradient takes a detour through log q. Right, z is computed from noise, and the backward arrow passes through "
        "it to the parameters. Below, both estimates of the gradient as running means with error bands around the true "
        "value, and as histograms of single draws."
    )
    function = traitlets.Enum(["bowl", "wave", "step"], "bowl").tag(sync=True)
    size = traitlets.Int(5, min=1, max=30).tag(sync=True)
    mean = traitlets.Float(1.0, min=-2.0, max=2.0).tag(sync=True)
    baseline = traitlets.Bool(False).tag(sync=True)
    draws = traitlets.Int(0, min=0, max=4000).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)

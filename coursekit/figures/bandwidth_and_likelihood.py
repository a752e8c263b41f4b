"""Live figure: a kernel density whose bandwidth is dragged, and four likelihoods of it."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class BandwidthAndLikelihood(LiveFigure):
    """A kernel density on few points of a known density, and its likelihood at all bandwidths.

    Likelihoods are mean log densities in nats per point: of the training points, of each training point under the
    kernels of the others (leave-one-out), of fresh points (an integral over the known density), and of the known
    density itself.

    Args:
        bandwidth: standard deviation of the kernels.
        points: how many training points there are, the one that can be dragged among them.
        dragged: where that one lies.
        seed: of the other points.
    """

    script = "bandwidth_and_likelihood.js"
    description = (
        "A known density with two modes, training points on the axis, and the kernel density on them. Below, the mean "
        "log density of training points, of points left out and of fresh points against the bandwidth, which can be "
        "dragged there. One training point can be dragged as well."
    )
    bandwidth = traitlets.Float(0.1, min=0.01, max=2.0).tag(sync=True)
    points = traitlets.Int(20, min=2, max=100).tag(sync=True)
    dragged = traitlets.Float(0.0, min=-5.0, max=5.0).tag(sync=True)
    seed = traitlets.Int(0, min=0).tag(sync=True)

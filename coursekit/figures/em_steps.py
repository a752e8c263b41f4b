"""Live figure: expectation-maximisation, one half-step at a time, on points that the reader places."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class EmSteps(LiveFigure):
    """A mixture of Gaussians in the plane, fitted by E-steps and M-steps that the reader takes.

    Args:
        data: which points are there at first: "blobs", "crossed" or "outlier"; "own" for ``points``.
        parts: how many Gaussians.
        seed: of the start.
        points: the points, [[x, y], ...].
        steps: how many half-steps were taken since the start: E-step, M-step, E-step, ...
    """

    script = "em_steps.js"
    description = (
        "Points in the plane, each a small pie that shows how much every Gaussian is responsible for it, and the "
        "Gaussians as numbered ellipses. Buttons take an E-step, which colours the pies, or an M-step, which moves the "
        "ellipses. Beside it, the log-likelihood and its lower bound after each half-step."
    )
    data = traitlets.Unicode("blobs").tag(sync=True)
    parts = traitlets.Int(3, min=1, max=4).tag(sync=True)
    seed = traitlets.Int(0, min=0).tag(sync=True)
    points: traitlets.List = traitlets.List([]).tag(sync=True)
    steps = traitlets.Int(0, min=0).tag(sync=True)

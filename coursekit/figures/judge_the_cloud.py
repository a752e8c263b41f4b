"""Live figure: a cloud of generated points that the reader spoils, and what each metric says about it."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class JudgeTheCloud(LiveFigure):
    """Points on a ring of eight Gaussians, a generator whose faults are dialled in, and the metrics of its points.

    Beside each value stands the range of 20 fresh draws of the true distribution: what a perfect generator gets.

    Args:
        spread: width of the generator's Gaussians, in widths of the true ones.
        modes: how many of the eight Gaussians it serves. The first to go are every second one.
        outliers: share of its points that lie anywhere in the window.
        copies: share of its points that are copies of training points.
        right: how far it is shifted to the right.
        up: how far it is shifted up.
        points: how many training points there are, and how many generated ones.
        seed: of all draws.
    """

    script = "judge_the_cloud.js"
    description = (
        "Training points on a ring of eight small Gaussians and the points of a generator over them. Sliders spoil the "
        "generator: width, modes served, outliers, copies, and a handle shifts it. A table gives the Frechet distance, "
        "precision, recall, density, coverage, a nearest-neighbour test and the share of copies, each beside its range "
        "for fresh data."
    )
    spread = traitlets.Float(1.0, min=0.1, max=3.0).tag(sync=True)
    modes = traitlets.Int(8, min=1, max=8).tag(sync=True)
    outliers = traitlets.Float(0.0, min=0.0, max=0.5).tag(sync=True)
    copies = traitlets.Float(0.0, min=0.0, max=1.0).tag(sync=True)
    right = traitlets.Float(0.0, min=-1.0, max=1.0).tag(sync=True)
    up = traitlets.Float(0.0, min=-1.0, max=1.0).tag(sync=True)
    points = traitlets.Int(200, min=50, max=400).tag(sync=True)
    seed = traitlets.Int(0, min=0).tag(sync=True)

"""Live figure: two Gaussians to drag, and the divergences between them."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class GaussianDivergences(LiveFigure):
    """P (one Gaussian, or two modes) and Q (one Gaussian) with forward and reverse KL and Jensen-Shannon divergence.

    Args:
        p_mean: centre of P.
        p_width: standard deviation of P, or of each of its modes.
        q_mean: mean of Q.
        q_width: standard deviation of Q.
        modes: 1, or 2 for an even mixture with its modes at ``p_mean - separation`` and ``p_mean + separation``.
        separation: half the distance between P's two modes.
    """

    script = "gaussian_divergences.js"
    description = (
        "Density curves of two distributions P and Q that can be moved and widened. Below them, what each point adds "
        "to both Kullback-Leibler divergences, and the values of forward KL, reverse KL and Jensen-Shannon."
    )
    p_mean = traitlets.Float(-1.0).tag(sync=True)
    p_width = traitlets.Float(1.0, min=0.3, max=3.0).tag(sync=True)
    q_mean = traitlets.Float(1.5).tag(sync=True)
    q_width = traitlets.Float(1.5, min=0.3, max=6.0).tag(sync=True)
    modes = traitlets.Int(1, min=1, max=2).tag(sync=True)
    separation = traitlets.Float(3.0, min=0.0, max=4.0).tag(sync=True)

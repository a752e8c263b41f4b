"""Live figure: a latent-variable model with one hidden number, and the gap between log p(x) and the ELBO."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class BoundGap(LiveFigure):
    """Prior, true posterior and a Gaussian q to move; below, log p(x) split into the ELBO and KL(q, posterior).

    The model: z from a standard normal prior, x given z from a Gaussian around ``decoder(z)`` with standard deviation
    ``noise``. One x is observed.

    Args:
        decoder: ``"linear"`` (z itself: the posterior is Gaussian), ``"rectified"`` (max(z, 0): a skewed posterior) or
            ``"absolute"`` (the absolute value of z: a posterior with two peaks).
        x: the observation.
        noise: standard deviation of x given z.
        q_mean: mean of q.
        q_width: standard deviation of q.
    """

    script = "bound_gap.js"
    description = (
        "Density curves over a hidden number z: the prior, the true posterior given the observed x, and a Gaussian q "
        "that can be moved and widened. Below them a bar that ends at log p(x), split into the ELBO and the KL "
        "divergence from q to the posterior, and a second bar that splits the ELBO into its two terms."
    )
    decoder = traitlets.Enum(["linear", "rectified", "absolute"], "linear").tag(sync=True)
    x = traitlets.Float(1.5, min=0.0, max=2.0).tag(sync=True)
    noise = traitlets.Float(0.4, min=0.3, max=1.0).tag(sync=True)
    q_mean = traitlets.Float(0.2, min=-2.0, max=2.0).tag(sync=True)
    q_width = traitlets.Float(0.6, min=0.1, max=1.5).tag(sync=True)

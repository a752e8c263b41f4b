"""Live figure: the game of generator and discriminator on the line, trained in the browser."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class MinimaxGame(LiveFigure):
    """A small generator and a small discriminator that train while the reader watches, on data of one dimension.

    z is uniform on [0, 1]. Both players are networks with two hidden layers of tanh and take Adam steps on batches of
    64. Beside the discriminator stands the best one for the present generator, p / (p + p_g).

    Args:
        data: ``"one"`` Gaussian or ``"two"``.
        loss: the generator's: ``"non-saturating"`` or ``"minimax"``.
        k: steps of the discriminator for each one of the generator.
        discriminator_rate: learning rate of the discriminator.
        generator_rate: learning rate of the generator.
        seed: of the weights and of all draws.
    """

    script = "minimax_game.js"
    description = (
        "A game trained in the browser: over x, the density of the data, the density of a generator's numbers, the "
        "discriminator and the best possible discriminator; below, arrows from the generator's uniform input z to x. "
        "Buttons play, pause and step; numbers show the value of the game and the discriminator's mean answers."
    )
    data = traitlets.Enum(["one", "two"], "one").tag(sync=True)
    loss = traitlets.Enum(["non-saturating", "minimax"], "non-saturating").tag(sync=True)
    k = traitlets.Int(2, min=1, max=10).tag(sync=True)
    discriminator_rate = traitlets.Float(0.01, min=1e-4, max=0.1).tag(sync=True)
    generator_rate = traitlets.Float(0.002, min=1e-4, max=0.1).tag(sync=True)
    seed = traitlets.Int(0, min=0).tag(sync=True)

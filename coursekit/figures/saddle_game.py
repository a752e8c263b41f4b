"""Live figure: two players, one parameter each, on a saddle."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class SaddleGame(LiveFigure):
    """The path of a game with one parameter for each player, over the field of their pushes.

    The generator owns theta and goes down, the discriminator owns phi and goes up. Both games have their equilibrium
    at (0, 0). The penalty is the square of phi, times half of its weight.

    Args:
        game: ``"bilinear"``, V = theta phi, or ``"dirac"``, the smallest GAN: data and fakes are one point each.
        order: ``"simultaneous"`` steps from old values, or ``"alternating"``: the discriminator first.
        step_size: of both players.
        penalty: weight of the penalty on the discriminator.
        start: theta and phi at the beginning.
    """

    script = "saddle_game.js"
    description = (
        "Left, a plane with the generator's parameter across and the discriminator's upwards: small arrows show where "
        "both are pushed, a dashed circle the distance of the start, and a line the path of the game around the "
        "equilibrium in the middle. Right, the distance to the equilibrium over the rounds. Numbers show the distance "
        "now, that of the path's average, and the factor a round near the equilibrium."
    )
    game = traitlets.Enum(["bilinear", "dirac"], "bilinear").tag(sync=True)
    order = traitlets.Enum(["simultaneous", "alternating"], "simultaneous").tag(sync=True)
    step_size = traitlets.Float(0.2, min=0.01, max=2.5).tag(sync=True)
    penalty = traitlets.Float(0.0, min=0.0, max=2.0).tag(sync=True)
    start: traitlets.List = traitlets.List([1.0, 0.5], minlen=2, maxlen=2).tag(sync=True)

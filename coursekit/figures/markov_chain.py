"""Live figure: a Markov chain on a density in the plane."""

from __future__ import annotations

import traitlets

from coursekit.figures.base import LiveFigure


class MarkovChain(LiveFigure):
    """The steps of a Markov chain on a density that the reader picks, and how many independent draws they are worth.

    The chains are those of `coursekit.density`: the same proposals, the same acceptance, the same effective sample
    size. Only the number of leapfrog steps is fixed here.

    Args:
        density: ``"gaussian"``, ``"banana"``, ``"ring"`` or ``"modes"``.
        method: ``"walk"``, ``"langevin"``, ``"unadjusted"`` or ``"hamiltonian"``.
        step_size: of the proposal, or of a leapfrog step.
        leaps: leapfrog steps of one transition.
        start: where the chain begins.
    """

    script = "markov_chain.js"
    description = (
        "Left, a density in the plane as shades, with a cloud of the places where a Markov chain stood, the path of "
        "its latest steps and its latest proposal. Right, the first coordinate of the latest places over the steps, "
        "and a histogram of all places over the true density of that coordinate. Numbers show the steps, the share "
        "of accepted proposals, the effective samples, and the effective samples of a hundred evaluations."
    )
    density = traitlets.Enum(["gaussian", "banana", "ring", "modes"], "banana").tag(sync=True)
    method = traitlets.Enum(["walk", "langevin", "unadjusted", "hamiltonian"], "walk").tag(sync=True)
    step_size = traitlets.Float(0.5, min=0.02, max=3.0).tag(sync=True)
    leaps = traitlets.Int(10, min=1, max=40).tag(sync=True)
    start: traitlets.List = traitlets.List([3.0, 3.0], minlen=2, maxlen=2).tag(sync=True)

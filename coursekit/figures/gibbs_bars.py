"""Live figure: collapsed Gibbs sampling finds the topics of small pictures, sweep by sweep or word by word."""

from __future__ import annotations

from typing import Any

import torch
import traitlets

from coursekit.figures.base import LiveFigure


class GibbsBars(LiveFigure):
    """Documents drawn as pictures, whose words are pixels; a collapsed Gibbs sampler in the browser finds their topics.

    Args:
        counts: the documents, shape (D, side * side): how often each word stands in each.
        truth: the topics that made them, shape (K, side * side), rows that sum to one: only to say how many are found.

    Attributes:
        topics: how many topics the sampler looks for.
        alpha: prior of the documents' mixtures.
        beta: prior of the topics.
        seed: of the start and of all draws after it.

    Raises:
        ValueError: when the words make no square, or the two have not the same words.
    """

    script = "gibbs_bars.js"
    description = (
        "Ten of the documents as small grey pictures, and the topics that a Gibbs sampler has found so far as pictures "
        "of the same size. Below, for the word whose turn is next, bars for each topic: how much its document likes "
        "it, how much the topic likes the word, and the product. A curve of log p(w, z) over the sweeps."
    )
    counts: traitlets.List = traitlets.List([]).tag(sync=True)
    truth: traitlets.List = traitlets.List([]).tag(sync=True)
    side = traitlets.Int(5).tag(sync=True)
    topics = traitlets.Int(10, min=2, max=14).tag(sync=True)
    alpha = traitlets.Float(0.5, min=0.01).tag(sync=True)
    beta = traitlets.Float(0.1, min=0.01).tag(sync=True)
    seed = traitlets.Int(1, min=1).tag(sync=True)

    def __init__(self, counts: Any, truth: Any, **traits: Any) -> None:
        counts, truth = torch.as_tensor(counts), torch.as_tensor(truth)
        side = round(counts.shape[1] ** 0.5)
        if side * side != counts.shape[1] or truth.shape[1] != counts.shape[1]:
            raise ValueError(
                "GibbsBars: counts and truth must have side * side columns; "
                f"they have {counts.shape[1]} and {truth.shape[1]}"
            )
        super().__init__(
            counts=counts.long().tolist(),
            truth=[[round(value, 6) for value in row] for row in truth.tolist()],
            side=side,
            **traits,
        )

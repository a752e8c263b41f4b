"""Live figure: a point to drag through a two-dimensional latent space, and what a decoder makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from coursekit.figures.base import NetworkFigure


class LatentPlane(NetworkFigure):
    """The latent plane of a trained VAE with Bernoulli pixels: drag the code, see the image that it stands for.

    Args:
        decoder: the decoder's ``state_dict()``: linear layers with ReLU between them, from 2 numbers to 28 * 28 logits.
        codes: the posterior means of some test images, (N, 2), as a tensor or nested lists; kept with two decimals.
        labels: what each of them shows, N whole numbers.

    Attributes:
        z: the code that is decoded, two numbers.
        view: ``"mean"`` shows the decoder's probabilities, ``"sample"`` draws each pixel black or white.
        seed: of the random numbers behind a sample and behind a draw from the prior.
    """

    script = "latent_plane.js"
    description = (
        "A plane of codes. Test digits stand, as small numerals, where the encoder puts them, the same digit mostly in "
        "one region; dashed circles mark the prior. Beside it, the image that the decoder makes of the marked point."
    )
    z = traitlets.List([0.0, 0.0], minlen=2, maxlen=2).tag(sync=True)
    view = traitlets.Enum(["mean", "sample"], "mean").tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    codes: traitlets.List = traitlets.List([]).tag(sync=True)
    labels: traitlets.List = traitlets.List([]).tag(sync=True)

    def __init__(
        self,
        decoder: Mapping[str, Any] | None = None,
        codes: Any = (),
        labels: Any = (),
        **traits: Any,
    ) -> None:
        places, numerals = _plain(codes), [int(label) for label in _plain(labels)]
        if len(places) != len(numerals):
            raise ValueError(f"LatentPlane: codes and labels must be as many, were {len(places)} and {len(numerals)}")
        rounded = [[round(float(value), 2) for value in place] for place in places]
        super().__init__(decoder, codes=rounded, labels=numerals, **traits)


def _plain(values: Any) -> Sequence[Any]:
    return values.tolist() if hasattr(values, "tolist") else values

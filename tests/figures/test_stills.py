"""Each live figure has a still picture, of the state and the code that its chapter stores."""

import copy
import dataclasses

import numpy as np
import pytest
from PIL import Image

from tools.make_stills import LARGEST
from tools.stored_figures import ROOT, stored_figures

FIGURES = list(stored_figures())


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"{figure.notebook.stem}-{figure.number}")
def test_each_figure_has_its_still_and_its_words(figure):
    assert figure.alt, "the cell's metadata has no words for the figure: coursekit.live"
    assert figure.still.is_file(), f"{figure.still.name} is missing: run `make stills`"
    assert figure.still.stat().st_size <= LARGEST
    with Image.open(figure.still) as picture:
        assert picture.format == "WEBP" and picture.width > 600
        assert len(np.unique(picture.convert("L").reduce(8))) > 10, "the picture is empty"


def test_no_still_is_left_over():
    assert set((ROOT / "book").glob("*/stills/*.webp")) <= {figure.still for figure in FIGURES}


@pytest.mark.parametrize("name", ["_esm", "_css", "description"])
def test_a_still_is_out_of_date_when_the_figure_has_changed(name):
    state = copy.deepcopy(FIGURES[0].state)
    assert dataclasses.replace(FIGURES[0], state=state).still == FIGURES[0].still
    state["state"][name] += " "
    assert dataclasses.replace(FIGURES[0], state=state).still != FIGURES[0].still

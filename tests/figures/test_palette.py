"""The palette: enough contrast for text in every mode, and colours that stay apart without colour vision."""

import itertools
import re
from pathlib import Path

import pytest

import coursekit.figures.base as base

CSS = (Path(base.__file__).parent / "library.css").read_text(encoding="utf-8")
BLOCKS = [dict(re.findall(r"--ck-(\w+): (#[0-9a-f]{6})", block)) for block in re.split(r"color-scheme: \w+;", CSS)[1:]]
# Machado, Oliveira and Fernandes (2009), severity 1: what each kind of dichromat sees, in linear RGB.
DICHROMATS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def linear(colour):
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]


def luminance(colour):
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_both_dark_blocks_agree():
    assert BLOCKS[1] == BLOCKS[2]
    assert BLOCKS[0].keys() == BLOCKS[1].keys()


@pytest.mark.parametrize("palette", BLOCKS[:2], ids=["light", "dark"])
def test_contrast(palette):
    for name in ("ink", "muted", "blue", "orange", "green", "purple", "grey"):
        assert contrast(palette[name], palette["surface"]) >= 4.5, name
    assert contrast(palette["control"], palette["surface"]) >= 3


@pytest.mark.parametrize("kind", DICHROMATS)
@pytest.mark.parametrize("palette", BLOCKS[:2], ids=["light", "dark"])
def test_neighbours_of_the_palette_stay_apart_without_colour_vision(palette, kind):
    """Blue, orange, purple differ pairwise by at least 12 in CIELAB for a dichromat; so do green and purple."""

    def seen(colour):
        return [sum(w * v for w, v in zip(row, linear(colour), strict=True)) for row in DICHROMATS[kind]]

    def lab(colour):
        r, g, b = (min(max(v, 0), 1) for v in seen(colour))
        x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
        y = 0.2126 * r + 0.7152 * g + 0.0722 * b
        z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
        f = [v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
        return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])

    pairs = [*itertools.combinations(("blue", "orange", "purple"), 2), ("green", "purple"), ("green", "blue")]
    for one, other in pairs:
        apart = sum((a - b) ** 2 for a, b in zip(lab(palette[one]), lab(palette[other]), strict=True)) ** 0.5
        assert apart >= 12, (one, other)

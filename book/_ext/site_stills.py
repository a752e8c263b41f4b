"""Live figures without JavaScript: the still picture that `make stills` drew, where the figure would stand.

A browser with JavaScript never loads it. Where there is no picture yet, the figure's words stand alone.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

VIEW_TYPE = "application/vnd.jupyter.widget-view+json"
VIEW = re.compile(rf'<script type="{re.escape(VIEW_TYPE)}">(?P<view>.*?)</script>', re.DOTALL)
PLACE = "_static/stills"


def figures_of(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The model and the words of each live figure, in the order of the page."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            model = output.get("data", {}).get(VIEW_TYPE, {}).get("model_id")
            words = cell["metadata"].get("coursekit", {}).get("live")
            if model and words:
                yield model, words


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height, from the head of a lossy WebP file."""
    with picture.open("rb") as file:
        head = file.read(30)
    width, height = struct.unpack("<2H", head[26:30])
    return width & 0x3FFF, height & 0x3FFF


def add_stills(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Behind each live figure put what is seen without JavaScript."""
    path = Path(app.srcdir) / f"{page}.ipynb"
    if doctree is None or not path.is_file() or VIEW_TYPE not in context["body"]:
        return
    figures = list(figures_of(json.loads(path.read_text(encoding="utf-8"))))
    numbers = {model: (number, words) for number, (model, words) in enumerate(figures, start=1)}

    def with_still(view: re.Match[str]) -> str:
        number, words = numbers.get(json.loads(view["view"])["model_id"], (0, ""))
        if not words:
            return view[0]
        found = sorted((path.parent / "stills").glob(f"{path.stem}-{number}-*.webp"))
        if not found:
            return f"{view[0]}<noscript><p>{html.escape(words)}</p></noscript>"
        width, height = size_of(found[0])
        address = context["pathto"](f"{PLACE}/{found[0].name}", 1)
        picture = f'src="{address}" alt="{html.escape(words)}" width="{width}" height="{height}" loading="lazy"'
        return f"{view[0]}<noscript><img {picture}></noscript>"

    context["body"] = VIEW.sub(with_still, context["body"])


def copy_stills(app: Sphinx, exception: Exception | None) -> None:
    """The pictures, beside the site's other files."""
    if exception is not None or app.builder.format != "html":
        return
    place = Path(app.outdir) / PLACE
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for picture in (Path(app.srcdir) / "book").glob("*/stills/*.webp"):
        shutil.copy(picture, place)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register."""
    app.connect("html-page-context", add_stills)
    app.connect("build-finished", copy_stills)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

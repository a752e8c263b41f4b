"""The live figures as readers get them: their state is stored in the chapters' notebooks, and a browser draws them."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import html
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
ADDRESS = "http://figures.invalid/"  # answered here; nothing is asked of a network


@dataclass(frozen=True)
class StoredFigure:
    """One live figure of a chapter: its notebook, its place among the notebook's figures, its words, its state."""

    notebook: Path
    number: int
    alt: str
    model: str
    state: dict[str, Any]

    @property
    def name(self) -> str:
        """``GaussianDivergences``, say."""
        return self.state["state"]["_anywidget_id"].rpartition(".")[2]

    @property
    def digest(self) -> str:
        """Changes with the figure's state, its code or its style."""
        return hashlib.sha256(json.dumps(self.state, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def still(self) -> Path:
        """Where its still picture is stored."""
        name = f"{self.notebook.stem}-{self.number}-{self.digest}.webp"
        return self.notebook.parent / "stills" / name

    def renewed(self) -> StoredFigure:
        """The same state with the code as it stands in the package now."""
        module, _, name = self.state["state"]["_anywidget_id"].rpartition(".")
        figure = getattr(importlib.import_module(module), name)
        state = copy.deepcopy(self.state)
        state["state"] |= {"_esm": str(figure._esm), "_css": str(figure._css)}
        return StoredFigure(self.notebook, self.number, self.alt, self.model, state)

    def page(self) -> str:
        """A page with this figure alone, as the site's builder writes it."""
        view = json.dumps({"model_id": self.model, "version_major": 2, "version_minor": 0})
        state = json.dumps({"version_major": 2, "version_minor": 0, "state": {self.model: self.state}}).replace(
            "</", "<\\/"
        )
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(self.name)}</title></head>'
            f'<body><script type="{VIEW}">{view}</script><script type="{STATE}">{state}</script>'
            '<script type="module" src="live.js"></script></body></html>'
        )


def stored_figures(only: str = "") -> Iterator[StoredFigure]:
    """The figures of all chapters, in the order of files and pages; ``only`` those whose path or name contains it."""
    for path in sorted((ROOT / "book").glob("*/*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        models = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
        number = 0
        for cell in notebook["cells"]:
            for output in cell.get("outputs", []):
                model = output.get("data", {}).get(VIEW, {}).get("model_id")
                state = models.get(model, {})
                if "_esm" not in state.get("state", {}):
                    continue
                number += 1
                alt = cell["metadata"].get("coursekit", {}).get("live", "")
                figure = StoredFigure(path, number, alt, model, state)
                if only in f"{path}:{figure.name}":
                    yield figure


@contextlib.contextmanager
def shown(browser: Browser, figure: StoredFigure, width: int = 780, **options: Any) -> Iterator[Page]:
    """A page of the browser that shows the figure."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light", **options)
    page = context.new_page()
    page.route("**/live.js", lambda route: route.fulfill(path=ROOT / "book" / "assets" / "live.js"))
    page.route(ADDRESS, lambda route: route.fulfill(body=figure.page(), content_type="text/html"))
    page.goto(ADDRESS)
    page.wait_for_selector(".coursekit-figure")
    yield page
    context.close()

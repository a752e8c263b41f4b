"""Live figures: widgets that compute in the reader's browser, with or without a kernel.

``ck.figures.GaussianDivergences`` lives in ``gaussian_divergences.py`` and is drawn by ``gaussian_divergences.js``. A
class is found by its name, so a new figure needs no entry anywhere. ``base.py`` says how to write one.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

_SHARED = {"LiveFigure": "base", "NetworkFigure": "base"}
_FOLDER = Path(__file__).parent


def _names() -> dict[str, str]:
    """The class name of every figure and the module it is in."""
    stems = [path.stem for path in sorted(_FOLDER.glob("*.py")) if path.stem not in ("__init__", "base")]
    return {"".join(word.capitalize() for word in stem.split("_")): stem for stem in stems}


def __getattr__(name: str) -> Any:
    module = _SHARED.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    if name.startswith("_") or not (_FOLDER / f"{module}.py").is_file():
        raise AttributeError(f"no live figure is called {name!r}; there are: {', '.join(_names())}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted([*_SHARED, *_names()])

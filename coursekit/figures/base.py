'''The base of every live figure: one Python class for the state, one JavaScript file for the picture.

The state lives in synchronised traits; everything is computed in the browser, so that the same figure works on the
published page without a kernel, in JupyterLab and in Colab. A complete figure, ``coursekit/figures/tangent_line.py``::

    import traitlets
    from coursekit.figures.base import LiveFigure

    class TangentLine(LiveFigure):
        """The tangent of x squared at a point that the reader drags."""

        script = "tangent_line.js"
        description = "A parabola with its tangent at a point that can be dragged along the curve."
        point = traitlets.Float(0.5).tag(sync=True)

and ``coursekit/figures/tangent_line.js`` (no imports and no exports: the library is there as ``lib``)::

    const functions = { slope: (x) => 2 * x };           // pure functions: node tests them against torch

    function render({ model, el }) {                     // el is framed, named and styled already
      const chart = lib.chart(el, { x: [-2, 2], y: [-1, 4], xLabel: "x", yLabel: "x squared", label: "Parabola" });
      const xs = lib.linspace(-2, 2, 101);
      chart.line({ colour: "grey", name: "x²" }).set(xs, xs.map((x) => x * x));
      const tangent = chart.line({ colour: "orange", dash: "6 4", name: "tangent" });
      const slope = lib.readout(el, { label: "slope" });
      const handle = chart.handle({ label: "point of contact", colour: "orange", axis: "x",
        moved: (x) => lib.save(model, { point: x }) });
      const draw = () => {                               // the one place that draws: from the model's state
        const at = model.get("point");
        handle.set(at, at * at);
        tangent.set(xs, xs.map((x) => at * at + functions.slope(at) * (x - at)));
        slope.set(lib.show(functions.slope(at)));
      };
      draw();
      return lib.watch(model, ["point"], draw);          // stops watching when the figure leaves the page
    }

Then ``ck.figures.TangentLine()`` shows it; a class is found by its file's name. Rules:

- State that a reader can change is a trait; JavaScript writes it with ``lib.save`` and draws when ``lib.watch`` calls.
- Colours are the palette's names (``library.css``), never values; no curve differs from another by its colour alone.
- Everything that can be dragged is a ``chart.handle``, everything else a native control: both work from the keyboard.
- Nothing moves by itself; ``lib.player`` has a button. Numbers are shown with ``lib.readout``, which also speaks them.
- A frame has 16 milliseconds. What takes longer goes to a Worker: ``ask = lib.worker({ model, el }, functions, "name",
  (result) => ...)``, then ``ask(...values)``. The figure has ``aria-busy`` meanwhile, and tests wait for its end.
- A figure with a network extends `NetworkFigure`; its weights travel as float16, up to about 100,000 of them.
- Tests: ``tests/figures/conftest.py`` calls ``functions`` in node and shows a figure in a browser;
  ``tests/figures/waiting.py`` waits until it is drawn, by frames and not by the clock.
'''

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

_FOLDER = Path(__file__).parent

_MODULE = """\
{library}
const {{ functions, render: draw }} = (() => {{
{script}
return {{ functions, render }};
}})();
function render({{ model, el }}) {{
  const unframe = lib.frame({{ model, el }});
  const stop = draw({{ model, el }});
  return () => {{ stop?.(); unframe(); }};
}}
export {{ lib, functions }};
export default {{ render }};
"""


def compose(script: str) -> str:
    """The JavaScript module of a figure: the shared library, then the figure's own source ``script``."""
    library = (_FOLDER / "library.js").read_text(encoding="utf-8")
    return _MODULE.format(library=library, script=script)


def pack(tensors: Mapping[str, Any]) -> tuple[bytes, list[list[Any]]]:
    """Named tensors (a state dict, say) as float16 bytes and their layout ``[[name, shape], ...]``.

    Raises:
        ValueError: when a value does not fit into float16 (beyond 65,504, or not a number).
    """
    chunks, layout = [], []
    for name, value in tensors.items():
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        with np.errstate(over="ignore"):
            half = array.astype("<f2")
        if not np.isfinite(half).all():
            raise ValueError(f"{name} has values that float16 cannot hold; they must be finite and below 65,504")
        chunks.append(half.tobytes())
        layout.append([name, list(array.shape)])
    return b"".join(chunks), layout


class LiveFigure(anywidget.AnyWidget):
    """A figure that computes in the browser. A subclass names its ``script``, a file beside its own.

    Attributes:
        script: name of the figure's JavaScript file.
        description: what is seen, for readers who do not see it. A subclass sets it, as a string.
    """

    script: str = ""
    description = traitlets.Unicode("").tag(sync=True)

    def __init_subclass__(cls, **keywords: Any) -> None:
        own = cls.__dict__.get("description")
        if isinstance(own, str):
            cls.description = traitlets.Unicode(own).tag(sync=True)
            cls.description.class_init(cls, "description")
        if cls.__dict__.get("script"):
            module = getattr(sys.modules.get(cls.__module__), "__file__", None)
            folder = Path(module).parent if module else Path.cwd()  # a figure written in a notebook has no file
            cls._esm = compose((folder / cls.script).read_text(encoding="utf-8"))
            cls._css = (_FOLDER / "library.css").read_text(encoding="utf-8")
        super().__init_subclass__(**keywords)

    def __repr__(self) -> str:
        """What a reader sees where no widget can be shown."""
        return f"{type(self).__name__}: {self.description}"


class NetworkFigure(LiveFigure):
    """A live figure with the weights of a trained network: ``lib.unpackWeights(model)`` gives them by name.

    Args:
        tensors: the weights by name, a ``state_dict()`` for instance; kept as float16.
    """

    weights = traitlets.Bytes(b"").tag(sync=True)
    layout_of_weights: traitlets.List = traitlets.List([]).tag(sync=True)

    def __init__(self, tensors: Mapping[str, Any] | None = None, **traits: Any) -> None:
        weights, layout = pack(tensors or {})
        super().__init__(weights=weights, layout_of_weights=layout, **traits)

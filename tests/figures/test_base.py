"""The Python side of live figures."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import coursekit.figures as figures
from coursekit.figures import base
from tests.figures.waiting import redrawn

FOLDER = Path(base.__file__).parent


def every_figure():
    return [name for name in dir(figures) if name not in ("LiveFigure", "NetworkFigure")]


def test_importing_needs_no_torch():
    code = "import sys, coursekit.figures as f; f.GaussianDivergences(); sys.exit('torch' in sys.modules)"
    if "torch" in subprocess.run([sys.executable, "-c", "import sys, coursekit; print(*sys.modules)"],
                                 capture_output=True, text=True).stdout.split():  # fmt: skip
        pytest.skip("importing coursekit itself imports torch")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_unknown_figure_is_refused_with_the_names_there_are():
    with pytest.raises(AttributeError, match=r"no live figure is called 'GausianDivergences'.*GaussianDivergences"):
        figures.GausianDivergences  # noqa: B018


@pytest.mark.parametrize("name", every_figure())
def test_every_figure_is_well_formed(name, javascript):
    kind = getattr(figures, name)
    assert issubclass(kind, base.LiveFigure)
    assert (FOLDER / kind.script).is_file()
    assert len(str(kind.description.default_value)) > 40, "say what is seen"
    source = (FOLDER / kind.script).read_text(encoding="utf-8")
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(\d", source), "colours are the palette's names"
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\s*\(|https?://(?!www\.w3\.org)", source)
    assert not re.search(r"Math\.random", source), "random numbers come from lib.random(seed)"
    names = javascript(str(kind._esm))("() => Object.keys(functions)")
    assert isinstance(names, list)


def example():
    """The figure that base.py's docstring shows, as two files' text."""
    python, script = re.findall(r"::\n\n((?:    .*\n|\n)+)", base.__doc__)
    return textwrap.dedent(python), textwrap.dedent(script)


def test_the_example_of_the_docstring_runs(tmp_path, monkeypatch, show):
    python, script = example()
    (tmp_path / "tangent_line.py").write_text(python, encoding="utf-8")
    (tmp_path / "tangent_line.js").write_text(script, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import tangent_line

    figure = tangent_line.TangentLine(point=0.5)
    assert repr(figure) == f"TangentLine: {figure.description}"
    page = show(figure)
    page.get_by_role("slider", name="point of contact").focus()
    page.keyboard.press("Home")
    redrawn(page)
    assert page.locator(".ck-readout strong").inner_text() == "−4.00"
    assert page.problems == []

"""`make execute`: the same bytes each time, a measurement that stays, nothing stored when a run fails."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import execute

WIDGETS = """\
import anywidget, traitlets, sys
import matplotlib.pyplot as plt
from tqdm.auto import tqdm

class Square(anywidget.AnyWidget):
    _esm = "export default { render({ model, el }) { el.innerText = model.get('x') ** 2; } }"
    x = traitlets.Int(3).tag(sync=True)
    weights = traitlets.Bytes(b"abc").tag(sync=True)

for _ in tqdm(range(3), disable=False): pass
print("0% done", object())"""


@pytest.fixture
def notebook(tmp_path):
    def write(*sources):
        cells = [new_markdown_cell("*Not measured yet.*", metadata={"tags": ["measured"]})]
        path = tmp_path / "small.ipynb"
        nbformat.write(new_notebook(cells=cells + [new_code_cell(source) for source in sources]), path)
        return path

    return write


def test_running_twice_changes_no_byte(notebook):
    path = notebook(
        WIDGETS, "plt.plot([1, 2])\nplt.show()", "Square(x=2)", "Square()", "print(1); print(2, file=sys.stderr)"
    )
    execute.execute(path)
    first = path.read_bytes()
    execute.execute(path)
    assert path.read_bytes() == first
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    assert stored.cells[1].outputs[0].text == "0% done <object object at 0x…>\n"  # and no progress bar
    assert "image/png" in stored.cells[2].outputs[0].data
    models = [cell.outputs[0].data[execute.VIEW]["model_id"] for cell in stored.cells[3:5]]
    state = stored.metadata["widgets"][execute.STATE]["state"]
    assert [state[model]["state"]["x"] for model in models] == [2, 3]
    assert all(state[model]["buffers"] for model in models)
    assert all(state[model]["state"]["layout"].removeprefix("IPY_MODEL_") in state for model in models)
    assert execute.MEASURED.match(stored.cells[0].source)


@pytest.mark.parametrize("source", ["1 / 0", "import os; os._exit(1)"])
def test_a_failed_run_leaves_the_notebook_as_it_was(notebook, source):
    path = notebook("print(1)", source)
    before = path.read_bytes()
    with pytest.raises(execute.NotebookFailed):
        execute.execute(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_formatting_a_value_is_an_error(notebook):
    path = notebook("class Broken:\n    def _repr_html_(self):\n        raise ValueError('no')\n\n\nBroken()")
    before = path.read_bytes()
    with pytest.raises(execute.NotebookFailed, match="ValueError"):
        execute.execute(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("stands", "seconds", "gigabytes", "becomes"),
    [
        ("*Not measured yet.*", 41.2, 0.94, "41 s, 0.9 GB"),
        ("*Measured on one CPU core, no GPU: 41 s, 0.9 GB.*", 60.0, 0.7, "41 s, 0.9 GB"),
        ("*Measured on one CPU core, no GPU: 41 s, 0.9 GB.*", 62.0, 0.9, "62 s, 0.9 GB"),
        ("*Measured on one CPU core, no GPU: 41 s, 0.9 GB.*", 41.0, 0.5, "41 s, 0.5 GB"),
        ("*Measured on one CPU core, no GPU: 1 s, 0.1 GB.*", 0.2, 0.01, "1 s, 0.1 GB"),
    ],
)
def test_a_measurement_stands_while_it_is_right(stands, seconds, gigabytes, becomes):
    cell = new_markdown_cell(stands, metadata={"tags": ["measured"]})
    execute.record(new_notebook(cells=[cell]), seconds, gigabytes)
    assert cell.source == f"*Measured on one CPU core, no GPU: {becomes}.*"


def test_a_chapter_over_its_budget_is_told_and_fails_when_strict(notebook, monkeypatch, capsys):
    path = notebook("print(1)")
    monkeypatch.setattr(execute, "SECONDS_AT_MOST", 0.0)
    for options, code in (([], 0), (["--strict"], 1)):
        monkeypatch.setattr("sys.argv", ["execute.py", str(path), *options])
        assert execute.main() == code
        assert "OVER BUDGET" in capsys.readouterr().out


def test_memory_of_child_processes_counts(notebook):
    child = "import time; x = bytearray(300_000_000); time.sleep(1)"
    _, alone = execute.execute(notebook("1"))
    run = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\nNone"
    _, together = execute.execute(notebook(run))
    assert together - alone > 0.25

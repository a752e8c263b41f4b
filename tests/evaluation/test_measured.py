"""What the chapter on judging samples stores, and the cells that measure it, fit together."""

import ast
import json
from importlib import resources

import nbformat

from benchmarks import judging_samples


def stored():
    return json.loads(
        (resources.files("coursekit.evaluation") / "measured" / "judging_samples.json").read_text("utf-8")
    )


def test_the_stored_numbers_are_those_of_the_script():
    measured = stored()
    assert [len(run) for run in measured["watched"]] == [judging_samples.EPOCHS] * judging_samples.SEEDS
    assert all(len(pair) == 2 and min(pair) > 0 for run in measured["watched"] for pair in run)
    assert list(measured["synthetic"]) == [str(n) for n in judging_samples.LABELS]
    sources = {tuple(run) for runs in measured["synthetic"].values() for run in runs}
    assert len(sources) == 1  # every run has the same sources, in the same order
    assert all(len(runs) == judging_samples.SEEDS for runs in measured["synthetic"].values())


def test_the_chapters_shared_cells_define_what_the_script_calls():
    notebook = nbformat.read(judging_samples.CHAPTER, as_version=4)
    shared = [cell.source for cell in notebook.cells if "shared" in cell.metadata.get("tags", [])]
    defined = {
        node.name for source in shared for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)
    }
    assert {"watched", "synthetic"} <= defined

"""Notebooks run with the installed package alone, in a folder that is not the repository's."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import colab
from tools.execute import NotebookFailed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    colab.install(folder)
    return folder


@pytest.mark.timeout(300)
def test_a_chapter_runs_in_an_empty_folder(package):
    """The quickest; `make colab` runs all of them."""
    assert colab.run_alone(ROOT / "book" / "density" / "kl-divergence.ipynb", package) > 0


@pytest.mark.parametrize("line", ["open('notebook.ipynb')", "import tools", "import tests"])
def test_what_lies_in_the_repository_alone_is_missing(package, tmp_path, line):
    path = tmp_path / "notebook.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(line)]), path)
    with pytest.raises(NotebookFailed, match="No such file|No module named"):
        colab.run_alone(path, package)


def test_another_package_is_noticed(tmp_path):
    path = tmp_path / "notebook.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), path)
    with pytest.raises(NotebookFailed, match="AssertionError|No module named 'coursekit'"):
        colab.run_alone(path, tmp_path)

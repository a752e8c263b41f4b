"""Run notebooks as Colab does: each alone in an empty folder, the course there only as the installed package.

`colab.py [NOTEBOOK ...]`; without arguments every chapter and every master solution. The package is built and installed
into a folder of its own, not editable, so that a file which the wheel lacks, or which a notebook finds only because it
lies in the repository, is missing here too. Nothing is stored.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.execute import NotebookFailed, run  # noqa: E402

# Before the notebook's own cells: an editable installation puts a whole repository on the path.
ALONE = """\
import pathlib, sys
sys.path[:] = [place for place in sys.path if not (pathlib.Path(place) / "pyproject.toml").exists()]
import coursekit
assert coursekit.__file__.startswith({folder!r}), coursekit.__file__"""


def install(folder: Path) -> None:
    """Build the package and install it, without what it depends on, into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, ROOT]
    subprocess.run(command, check=True)


def run_alone(path: Path, package: Path, timeout: float = 600.0) -> float:
    """Run a copy of a notebook in an empty folder with the package of another; the seconds that it took."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, new_code_cell(ALONE.format(folder=str(package))))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(package)
    folder = Path(tempfile.mkdtemp())
    try:
        return run(notebook, folder, timeout)[0]
    finally:
        shutil.rmtree(folder)
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def main() -> int:
    """Run the notebooks named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path)
    everything = [*sorted(ROOT.glob("book/*/*.ipynb")), *sorted(ROOT.glob("solutions/*/*/*.ipynb"))]
    failed = 0
    with tempfile.TemporaryDirectory() as package:
        install(Path(package))
        for path in parser.parse_args().notebooks or everything:
            print(f"{path}: ", end="", flush=True)
            try:
                print(f"{run_alone(path, Path(package)):.1f} s")
            except NotebookFailed as error:
                failed += 1
                print(f"FAILED\n{error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

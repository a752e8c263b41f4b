"""Generate the student notebooks under exercises/ from the masters under solutions/: `make_exercises.py [--check]`.

A master is `solutions/<family>/<exercise>/<exercise>.ipynb` in nbgrader's cell format. nbgrader's own preprocessors
take out solutions and outputs, lock cells and write checksums. The same master gives the same bytes. With ``--check``
nothing is written; a student notebook that is not what its master generates is an error.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, ClearSolutions, ComputeChecksums, LockCells
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
CODE_STUB = "# Write your code here, in place of the next line.\nraise NotImplementedError"
TEXT_STUB = "*Write your answer here.*"


class MoveLinks(Preprocessor):
    """Links to the book's other pages: a student notebook lies one folder higher than its master."""

    enabled = True

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        """Take one `../` out of every relative link of a markdown cell."""
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../../../", "](../../")
        return cell, resources


def masters(root: Path = ROOT) -> list[Path]:
    """Every master notebook."""
    found = sorted((root / "solutions").glob("*/*/*.ipynb"))
    if astray := [path for path in found if path.stem != path.parent.name]:
        raise ValueError(f"{astray[0]} must have the name of its folder, {astray[0].parent.name}.ipynb")
    return found


def home(master: Path, root: Path = ROOT) -> Path:
    """Where the student notebook of a master lies."""
    family = master.parent.parent.name
    return root / "exercises" / family / master.name


def student_notebook(master: Path) -> str:
    """The text of the student notebook."""
    config = Config()
    config.NotebookExporter.preprocessors = [
        MoveLinks,
        LockCells,
        ClearSolutions,
        ClearOutput,
        CheckCellMetadata,
        ComputeChecksums,
    ]
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    text, _ = NotebookExporter(config=config).from_filename(str(master))
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write the student notebooks, or with ``--check`` compare them; 0 when all is well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail where a student notebook is not in step"
    )
    check = parser.parse_args(arguments).check
    wanted = {home(master, root): student_notebook(master) for master in masters(root)}
    problems = [
        f"{path.relative_to(root)} has no master under solutions/{path.parent.name}/{path.stem}/: remove it"
        for path in sorted((root / "exercises").glob("*/*.ipynb"))
        if path not in wanted
    ]
    for path, text in wanted.items():
        same = path.is_file() and path.read_bytes() == text.encode("utf-8")
        if check and not same:
            problems.append(f"{path.relative_to(root)} is not what its master generates: run `make exercises`")
        elif not same:
            write(path, text)
        print(f"{path.relative_to(root)}: {'in step' if same else 'NOT in step' if check else 'written'}")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


def write(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".ipynb.partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)


if __name__ == "__main__":
    sys.exit(main())

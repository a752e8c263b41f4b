"""Reading a notebook file that nobody vouches for."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class BadNotebook(Exception):
    """The file is no notebook; the message says why."""


@dataclass
class Cell:
    """One cell, as far as marking needs it."""

    kind: str
    source: str
    nbgrader: dict[str, Any] = field(default_factory=dict)


def read_bytes(path: Path, largest: int) -> bytes:
    """The content of a plain file of at most ``largest`` bytes; BadNotebook for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BadNotebook("there is no such file") from None
    except (OSError, ValueError) as error:
        raise BadNotebook(f"it cannot be read as a plain file ({type(error).__name__})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadNotebook("it is not a plain file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise BadNotebook(f"it has more than {largest} bytes")
    return content


def sha256(content: bytes) -> str:
    """The checksum that stands in the marks."""
    return hashlib.sha256(content).hexdigest()


def cells(content: bytes) -> list[Cell]:
    """The cells of a notebook in format 4; BadNotebook where it is none."""
    if not content.strip():
        raise BadNotebook("it is empty")
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadNotebook(f"it is not JSON ({type(error).__name__})") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise BadNotebook("it has no list of cells (a notebook in format 3 must be saved anew by Jupyter)")
    return [_cell(cell) for cell in notebook["cells"]]


def _cell(cell: Any) -> Cell:
    if not isinstance(cell, dict):
        raise BadNotebook("a cell is not an object")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise BadNotebook("the source of a cell is not text")
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return Cell(str(cell.get("cell_type")), source, nbgrader if isinstance(nbgrader, dict) else {})

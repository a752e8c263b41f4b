"""Files that marking writes: whole or not at all, tables that no spreadsheet executes, names that fit everywhere."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

_PARTIAL = ".partial"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=_PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def remove_partial(folder: Path) -> None:
    """Remove what `write` left where it was killed."""
    for path in folder.glob(f".*{_PARTIAL}"):
        path.unlink()


def slug(name: str) -> str:
    """A file name for any text: readable, the same for no two texts, allowed on every file system."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    readable = re.sub("[^a-z0-9]+", "-", ascii_only.lower()).strip("-")[:40].strip("-")
    checksum = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable}-{checksum}" if readable else checksum


def printable(text: str) -> str:
    r"""The text with what is not to be seen (control characters, changes of direction) written out: ``\u202e``."""
    return "".join(
        character.encode("unicode_escape").decode() if character == "\\" or _hidden(character) else character
        for character in unicodedata.normalize("NFC", text)
    )


def _hidden(character: str) -> bool:
    joiners = ("\u200c", "\u200d")  # Persian and others join and part letters with them
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in joiners


def table(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV. Text that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    csv.writer(text).writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip("'").startswith(_FORMULA) else cell


def read_table(path: Path) -> list[dict[str, str]]:
    """What `table` wrote, the first row as keys, also after a spreadsheet saved it in its own way."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    header = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    records = [[_unguarded(cell) for cell in row] for row in rows if row]
    return [dict(zip(records[0], record, strict=False)) for record in records[1:]]


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell

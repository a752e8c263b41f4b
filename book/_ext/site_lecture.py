"""Speaker's notes for the lecturer's mode: from a notebook's cells to the sections of its page.

A note is cell metadata, ``"coursekit": {"notes": "..."}`` or a list of texts. It belongs to the section that the cell
opens, or else stands in.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
FENCED = re.compile(r"^(```|:::).*?^\1", re.MULTILINE | re.DOTALL)


def notes_of(notebook: dict[str, Any], sections: list[str]) -> dict[str, list[str]]:
    """The notes for each section id, given the ids of all sections in the order of their headings."""
    notes: dict[str, list[str]] = {}
    seen = 0
    for cell in notebook["cells"]:
        headings = 0
        if cell["cell_type"] == "markdown":
            headings = len(HEADING.findall(FENCED.sub("", "".join(cell["source"]))))
        own = cell.get("metadata", {}).get("coursekit", {}).get("notes", [])
        place = seen if headings else seen - 1
        for note in [own] if isinstance(own, str) else own:
            notes.setdefault(sections[place], []).append(note)
        seen += headings
    return notes


def add_notes(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Put the notes into the page as JSON."""
    path = Path(app.srcdir) / f"{page}.ipynb"
    if doctree is None or not path.is_file():
        return
    sections = [section["ids"][0] for section in doctree.findall(nodes.section)]
    notes = notes_of(json.loads(path.read_text(encoding="utf-8")), sections)
    if notes:
        text = json.dumps(notes, ensure_ascii=False).replace("</", "<\\/")
        context["body"] += f'\n<script type="application/json" id="speaker-notes">{text}</script>\n'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register."""
    app.connect("html-page-context", add_notes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

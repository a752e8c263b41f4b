"""What the site reads from a chapter notebook besides its text: metadata, ids and stored claim records.

Read as JSON, so that neither torch nor coursekit is needed to build the site.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CLAIM_TYPE = "application/vnd.coursekit.claim+json"


@dataclass
class Chapter:
    """One chapter: where it is, what it says it teaches and claims, and the records its cells left."""

    docname: str
    path: Path
    minutes: int | None = None
    taught: list[str] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    records: list[dict[str, str]] = field(default_factory=list)

    @property
    def family(self) -> str:
        """The folder that the chapter lies in."""
        return Path(self.docname).parent.name

    def records_of(self, identifier: str) -> list[dict[str, str]]:
        """What ``ck.claim`` recorded for one id."""
        return [record for record in self.records if record.get("id") == identifier]


def read_chapter(docname: str, path: Path) -> Chapter:
    """The chapter stored in the notebook at ``path``."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    metadata = notebook.get("metadata", {}).get("coursekit", {})
    ids = metadata.get("ids", {})
    records = [
        _as_object(output["data"][CLAIM_TYPE])
        for cell in notebook.get("cells", [])
        for output in cell.get("outputs", [])
        if CLAIM_TYPE in output.get("data", {})
    ]
    return Chapter(
        docname=docname,
        path=path,
        minutes=metadata.get("minutes"),
        taught=list(ids.get("taught", [])),
        claimed=list(ids.get("claimed", [])),
        records=records,
    )


def chapters(env: Any) -> list[Chapter]:
    """Every chapter in the table of contents, in the book's order."""
    found = []
    for docname in toc_order(env):
        path = Path(env.srcdir) / f"{docname}.ipynb"
        if docname.startswith("book/") and path.is_file():
            found.append(read_chapter(docname, path))
    return found


def toc_order(env: Any) -> list[str]:
    """Document names in the order of book/_toc.yml, depth first."""
    site_map = env.app.config.external_site_map
    order: list[str] = []

    def visit(name: str) -> None:
        docname = name.removesuffix(".ipynb").removesuffix(".md")
        if docname in order:
            return
        order.append(docname)
        document = site_map.get(name)
        for tree in document.subtrees if document else []:
            for item in tree.items:
                if str(item) in site_map:
                    visit(str(item))

    visit(site_map.root.docname)
    return order


def _as_object(content: Any) -> dict[str, str]:
    """A record as a dictionary: some tools store JSON outputs as text or as a list of lines."""
    if isinstance(content, list):
        content = "".join(content)
    return json.loads(content) if isinstance(content, str) else content

"""Master notebooks as pages: answers are folded, so that a reader who looks something up does not see them at once.

A lecturer who marks with these exercises leaves the pages out: `- solutions/**` under exclude_patterns in
`_config.yml`.
"""

from __future__ import annotations

import json
from typing import Any

from sphinx.application import Sphinx

FOLDED = ":::{{admonition}} Answer\n:class: dropdown\n\n{source}\n:::"

PROMPTS = {"code_prompt_show": "Show the answer", "code_prompt_hide": "Hide the answer"}


def fold_answers(app: Sphinx, docname: str, content: list[str]) -> None:
    """Fold the solution cells of a master, and call its page a solution."""
    if not docname.startswith("solutions/"):
        return
    notebook: dict[str, Any] = json.loads(content[0])
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            if cell["cell_type"] == "code":
                cell["metadata"].setdefault("tags", []).append("hide-input")
                cell["metadata"]["mystnb"] = PROMPTS
                source = "\n".join(line for line in source.splitlines() if "### " not in line)
            else:
                source = FOLDED.format(source=source)
        elif cell["cell_type"] == "markdown":
            source = source.replace("# Exercise: ", "# Solution: ", 1)
        cell["source"] = source
    content[0] = json.dumps(notebook)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform."""
    app.connect("source-read", fold_answers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

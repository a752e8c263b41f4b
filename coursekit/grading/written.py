"""Answers in words: collected from all notebooks into one sheet, marked by hand there, read back.

The sheet is `written.csv`, one row for each question and student; the lecturer fills in ``points`` and ``comment``.
`written.html` has the same answers to read, below the question and the master's answer. Collecting again keeps what was
filled in. A row is known by the checksum of student, question and answer: what was given for an answer that is no more
there moves to `written-earlier.csv`, comes back with that answer, and is never taken for points of another one.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading import files, notebook
from coursekit.grading.exercise import Exercise, WrittenQuestion
from coursekit.grading.feedback import document, number

SHEET, PAGE, EARLIER = "written.csv", "written.html", "written-earlier.csv"
COLUMNS = ("student", "question", "max", "answer", "points", "comment", "sha256")
LONGEST = 20_000
"""Characters of an answer that are kept; the cell of a spreadsheet has room for 32,767."""
NO_ANSWER = "[no answer]"
NOT_FOUND = "[no answer found: please look into the notebook]"
_STUBS = ("Write your answer here.", "YOUR ANSWER HERE")  # ours and nbgrader's
_TELLING = 15  # so many characters make a line known as one of the question's
_STYLE = """
h2 { margin-top: 2.5rem; padding-top: 1rem; border-top: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 0; }
details { margin: 0.5rem 0; }
summary { cursor: pointer; }
"""

Row = dict[str, str]


@dataclass(frozen=True)
class WrittenMark:
    """What the lecturer gave for one answer."""

    points: float
    comment: str


def collect(submissions: Iterable[tuple[str, bytes]], exercise: Exercise, out: Path) -> list[str]:
    """Write the sheet and the page of everybody's answers; points and comments that stand there already are kept.

    Parameters
    ----------
    submissions
        Each student's name and notebook file; where that is no notebook, the answers are said to be missing.
    exercise
        With its master notebook.
    out
        The folder to write into.

    Returns
    -------
    list
        The students of whom not even the place of an answer was found: a person should look into their notebooks.
    """
    if not exercise.written:
        return []
    master = _Master(exercise)
    rows: dict[str, list[Row]] = {question.name: [] for question in exercise.written}
    not_found: dict[str, None] = {}
    for student, content in submissions:
        for question, answer in master.answers(content).items():
            if answer is None:
                not_found[student] = None
            rows[question.name].append(_row(student, question, answer))
    sheet = [row for of_question in rows.values() for row in of_question]
    standing = {row["sha256"] for row in sheet}
    given, earlier = _filled(out / SHEET), _filled(out / EARLIER)
    for row in sheet:
        mark = given.get(row["sha256"]) or earlier.get(row["sha256"]) or {}
        row.update({column: mark[column] for column in ("points", "comment") if column in mark})
    gone = {key: row for key, row in given.items() if key not in standing}
    if gone:
        _write(out / EARLIER, earlier | gone)
    _write(out / SHEET, {row["sha256"]: row for row in sheet})
    if earlier.keys() & standing:  # only now: killed at any moment, no mark is lost
        _write(out / EARLIER, {key: row for key, row in (earlier | gone).items() if key not in standing})
    files.write(out / PAGE, _page(master, rows))
    return list(not_found)


def read(out: Path, exercise: Exercise) -> dict[str, dict[str, WrittenMark]]:
    """The marks that the lecturer has filled in, by student and question; an empty field is no mark yet.

    Raises
    ------
    ValueError
        If a row cannot be right; the message says which.
    """
    if not (out / SHEET).exists():
        return {}
    best = {question.name: question.points for question in exercise.written}
    marks: dict[str, dict[str, WrittenMark]] = {}
    for number_of_row, row in enumerate(files.read_table(out / SHEET), start=2):
        missing = [column for column in ("student", "question", "points") if column not in row]
        if missing:
            raise ValueError(f"{SHEET}, row {number_of_row}: there is no column {missing[0]!r}")
        student, question, given = row["student"], row["question"], row["points"].strip()
        where = f"{SHEET}, row {number_of_row} ({student}, {question})"
        if question not in best:
            raise ValueError(f"{where}: question must be one of {', '.join(best)}")
        if not given:
            continue
        try:
            points = float(given.replace(",", "."))
        except ValueError:
            points = math.nan
        if not 0 <= points <= best[question]:
            raise ValueError(f"{where}: points must be a number from 0 to {best[question]:g}, was {given!r}")
        if question in marks.setdefault(student, {}):
            raise ValueError(f"{where}: this student has points for this question in another row already")
        marks[student][question] = WrittenMark(points, row.get("comment", "").strip())
    return marks


class _Master:
    """The master notebook: what is asked, and so what in a submission is not the student's."""

    def __init__(self, exercise: Exercise) -> None:
        cells = notebook.cells(exercise.master.read_bytes())
        self.exercise = exercise
        self.headings = {_plain(text) for text in exercise.headings.values()}
        self.texts = [_lines(cell.source) for cell in cells if cell.kind == "markdown" and not cell.nbgrader]
        self.model = {_name(cell): cell.source for cell in cells if cell.kind == "markdown" and cell.nbgrader}
        lines = {line.strip() for text in self.texts for line in text.split("\n")}
        self.telling = {line for line in lines if len(line) >= _TELLING}

    def question(self, question: WrittenQuestion) -> str:
        """The cell with a question's heading."""
        return next((text for text in self.texts if _plain(question.heading) in self.headings_of(text)), "")

    def headings_of(self, text: str) -> list[str]:
        """Those of the exercise's headings that stand in a cell."""
        found = [_plain(line) for line in text.split("\n") if line.lstrip().startswith("#")]
        return [heading for heading in found if heading in self.headings]

    def answers(self, content: bytes) -> dict[WrittenQuestion, str | None]:
        """The answers in a submission; None where not even the place for one is found."""
        try:
            cells = notebook.cells(content)
        except notebook.BadNotebook:
            cells = []
        return {question: self.answer(cells, question) for question in self.exercise.written}

    def answer(self, cells: list[notebook.Cell], question: WrittenQuestion) -> str | None:
        """All that a student wrote in cells with the question's id, and in text between its heading and the next.

        Learning platforms and Colab drop the ids or copy them to other cells, and students add cells: so both count.
        """
        others = {name for name in self.exercise.headings if name != question.name}
        parts: dict[str, None] = {}
        found = inside = False
        for cell in cells:
            headings = self.headings_of(_lines(cell.source)) if cell.kind == "markdown" else []
            inside = headings[-1] == _plain(question.heading) if headings else inside
            text = inside and cell.kind in ("markdown", "raw") and _name(cell) not in others
            if text or _name(cell) == question.name:
                found = True
                parts[self.own(cell.source)] = None
        return "\n\n".join(filter(None, parts)) if found else None

    def own(self, source: str) -> str:
        """What a student wrote into a cell: the question itself and the stub are left out."""
        text = _lines(source)
        for asked in self.texts:
            text = text.replace(asked.strip(), "") if asked.strip() else text
        lines = text.split("\n")
        kept = (line for line in lines if line.strip() not in self.telling and line.strip(" *_") not in _STUBS)
        return "\n".join(kept).strip()


def _name(cell: notebook.Cell) -> str:
    return str(cell.nbgrader.get("grade_id", ""))


def _lines(source: str) -> str:
    """A cell's text with one kind of line end, and nothing in it that is not to be seen."""
    text = re.sub("\r\n?|[\u2028\u2029]", "\n", source)
    return "".join(character if _visible(character) else "\ufffd" for character in text)


def _visible(character: str) -> bool:
    return character in "\n\t\u200c\u200d" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")


def _plain(heading: str) -> str:
    """A heading without its marks and points."""
    return " ".join(re.sub(r"\([\d.]+ points?\) *$", "", heading.strip().strip("#*")).split())


def _row(student: str, question: WrittenQuestion, answer: str | None) -> Row:
    answer = NOT_FOUND if answer is None else answer or NO_ANSWER
    checksum = _checksum(student, question.name, answer)
    if len(answer) > LONGEST:
        answer = f"{answer[:LONGEST]}\n[{len(answer) - LONGEST} more characters are in the notebook]"
    return {
        "student": student,
        "question": question.name,
        "max": f"{question.points:g}",
        "answer": answer,
        "points": "",
        "comment": "",
        "sha256": checksum,
    }


def _checksum(student: str, question: str, answer: str) -> str:
    return hashlib.sha256("\0".join((student, question, answer)).encode("utf-8", "surrogatepass")).hexdigest()


def _filled(path: Path) -> dict[str, Row]:
    """The rows of a sheet in which the lecturer wrote something, by their checksums."""
    rows: dict[str, Row] = {}
    for row in files.read_table(path) if path.exists() else []:
        if not (row.get("points", "").strip() or row.get("comment", "").strip()):
            continue
        student, question, answer = (row.get(column, "") for column in ("student", "question", "answer"))
        key = row.get("sha256") or _checksum(student, question, _lines(answer))
        if key in rows:
            raise ValueError(f"{path.name}: {student} has more than one row with marks for {question}")
        rows[key] = row
    return rows


def _write(path: Path, rows: dict[str, Row]) -> None:
    cells = [[row.get(column, "") for column in COLUMNS] for row in rows.values()]
    files.write(path, "\ufeff" + files.table([COLUMNS, *cells]))  # by this mark a spreadsheet sees that it is UTF-8


def _page(master: _Master, rows: dict[str, list[Row]]) -> str:
    parts = [f"<h1>Written answers: {html.escape(master.exercise.name)}</h1>"]
    parts.append(f'<p class="soft">To be marked in {SHEET}. Formulas are shown as they were typed.</p>')
    for question in master.exercise.written:
        parts.append(f"<h2>{html.escape(question.heading)} ({number(question.points)} points)</h2>")
        model = {"The question": master.question(question), "The answer in the master": master.model[question.name]}
        for title, text in model.items():
            parts.append(f"<details><summary>{title}</summary><pre>{html.escape(text)}</pre></details>")
        for row in rows[question.name]:
            parts.append(f"<h3>{html.escape(row['student'])}</h3><pre>{html.escape(row['answer'])}</pre>")
    return document(f"Written answers: {html.escape(master.exercise.name)}", "\n".join(parts), _STYLE)

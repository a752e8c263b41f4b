"""Marks a folder of submissions: who is marked, what is kept from the last time, what is written where.

The folder of marks holds ``marks.csv``, ``report.html``, for each submission one JSON in ``results/`` and one page in
``feedback/``, the sheet of written answers, and ``run.json``. Each file is whole or not there, so a run that was killed
continues: what has been marked with the same notebook, seed and graded tests is not marked again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import secrets
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from coursekit.grading import feedback, files, report, written
from coursekit.grading.exercise import Exercise, WrittenQuestion
from coursekit.grading.notebook import BadNotebook, sha256
from coursekit.grading.result import Limits, Result
from coursekit.grading.sandbox import SandboxUnavailable
from coursekit.grading.submissions import Submission, find
from coursekit.grading.written import WrittenMark

RUN, MARKS, REPORT = "run.json", "marks.csv", "report.html"
FOLDERS = ("results", "feedback")


@dataclass
class Run:
    """What ``run.json`` holds."""

    exercise: str
    seed: str
    tests: str
    """The checksum of the graded tests and the files beside them."""
    headings: dict[str, str]
    written: list[dict[str, Any]]
    students: list[str]
    submissions: int
    merged: bool = False
    """Whether the marks hold the written questions."""

    def as_exercise(self) -> Exercise:
        """The exercise, as far as pages about its marks need it; the files need not be there any more."""
        questions = tuple(WrittenQuestion(**question) for question in self.written)
        return Exercise(self.exercise, Path(), Path(), questions, self.headings)


def grade_all(
    submissions: Path,
    exercise: Exercise,
    out: Path,
    *,
    workers: int,
    scheduler: str | None,
    seed: str | None,
    unsafe_no_sandbox: bool,
) -> list[Result]:
    """Mark all submissions of an exercise and write everything into the folder ``out``; the results.

    Parameters
    ----------
    submissions
        What `coursekit.grading.submissions.find` takes.
    exercise
        What `coursekit.grading.exercise.find` gives.
    out
        The folder of marks: a new one, or that of an earlier run, which is continued.
    workers
        How many processes mark, on this machine.
    scheduler
        The address of a dask scheduler, whose workers mark instead.
    seed
        The secret. Without one that of the earlier run holds, or a new one is drawn.
    unsafe_no_sandbox
        Run submissions with the caller's own rights.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is nothing to mark, or ``out`` belongs to another exercise, seed or run.
    SandboxUnavailable
        Where there is no sandbox; then nothing is written.
    ConnectionError
        If the scheduler does not answer.
    """
    if out.absolute() == submissions.absolute():
        raise ValueError(f"{out} holds the submissions: choose another folder for the marks")
    found = find(submissions, exercise.name, Limits().notebook_size, out)
    if not found:
        raise ValueError(f"there is no notebook in {submissions}")
    content_of = {
        path.name: path.read_bytes()
        for path in sorted(exercise.tests.parent.iterdir())
        if path.is_file() and path.suffix != ".ipynb" and not path.name.startswith(".")
    }
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        run = _run(out, exercise, found, _checksum(content_of), seed)
        kept = (_kept(out, submission, run, unsafe_no_sandbox) for submission in found)
        results = {result.student: result for result in kept if result is not None}
        missing = [submission for submission in found if submission.student not in results]
        marked = _marked(missing, exercise, content_of, run, workers, scheduler, unsafe_no_sandbox)
        bar = tqdm(marked, exercise.name, len(found), initial=len(results), unit="notebook")
        try:
            with contextlib.closing(marked), bar:
                for number, result in enumerate(bar):
                    if number == 0:  # not before: now it is known that there is a sandbox
                        _prepare(out, run)
                    files.write(_result_file(out, result.student), result.to_json())
                    results[result.student] = result
        except SandboxUnavailable:
            if new:
                out.rmdir()
            raise
        _prepare(out, run)
        lost = written.collect(_contents(found), exercise, out)
        ordered = [results[submission.student] for submission in found]
        _write_marks(out, run, ordered, lost)
    return ordered


def merge(out: Path) -> int:
    """Add the points of the written questions, as filled in, to the marks; how many are not filled in yet.

    Parameters
    ----------
    out
        The folder of marks.

    Raises
    ------
    FileNotFoundError, ValueError
        If it holds no marks, not all of them yet, or points that cannot be right.
    """
    if not (out / RUN).is_file():
        raise FileNotFoundError(f"there are no marks in {out}: it has no {RUN}")
    with _locked(out):
        run = _read_run(out)
        try:
            results = [Result.from_json(_result_file(out, student).read_text()) for student in run.students]
        except FileNotFoundError:
            raise ValueError(f"not all of {out} is marked yet: `coursekit grade` first, which continues") from None
        if unknown := sorted(written.read(out, run.as_exercise()).keys() - set(run.students)):
            raise ValueError(f"{written.SHEET} has points for {unknown[0]!r}, who handed in nothing: mend the name")
        run.merged = True
        missing = _write_marks(out, run, results)
        files.write(out / RUN, _json(run))
    return missing


def _write_marks(out: Path, run: Run, results: list[Result], lost: Collection[str] = ()) -> int:
    """Write all that is made from the results; how many points for written answers are missing."""
    exercise = run.as_exercise()
    marks = written.read(out, exercise) if run.merged else {}
    files.write(out / MARKS, _table(results, exercise.written if run.merged else (), marks, lost))
    for result in results:
        page = feedback.page(result, exercise, marks.get(result.student, {}))
        files.write(out / "feedback" / f"{files.slug(result.student)}.html", page)
    files.write(out / REPORT, report.page(results, exercise))
    return len(results) * len(exercise.written) - sum(map(len, marks.values()))


def _table(
    results: list[Result],
    by_hand: tuple[WrittenQuestion, ...],
    marks: dict[str, dict[str, WrittenMark]],
    lost: Collection[str],
) -> str:
    """``marks.csv``. What is not known is empty, never a zero."""
    questions = list(dict.fromkeys(question for result in results for question in result.questions()))
    best = next((result.max for result in results if not math.isnan(result.max)), math.nan)
    best += sum(question.points for question in by_hand)
    columns = [*questions, *(question.name for question in by_hand)]
    rows: list[list[object]] = [
        ["student", "status", "score", "max", *columns, "needs_review", "sha256", "seed", "seconds"]
    ]
    for result in results:
        faulty = math.isnan(result.score)
        given = [marks.get(result.student, {}).get(question.name) for question in by_hand]
        by_test = {} if faulty else result.questions()
        points = [by_test.get(question) for question in questions]
        points += [None if mark is None else mark.points for mark in given]
        score = result.score + sum(mark.points for mark in given if mark is not None)
        review = result.needs_review or None in given or result.student in lost
        of_questions = [_number(each) for each in points]
        about = [review, result.sha256, str(result.seed), f"{result.seconds:.2f}"]
        rows.append([result.student, result.status, _number(score), _number(best), *of_questions, *about])
    return files.table(rows)


def _number(points: float | None) -> str:
    return "" if points is None or math.isnan(points) else f"{points:.10g}"


def _marked(
    missing: list[Submission],
    exercise: Exercise,
    content_of: dict[str, bytes],
    run: Run,
    workers: int,
    scheduler: str | None,
    unsafe_no_sandbox: bool,
) -> Generator[Result, None, None]:
    """The results of those that are not marked yet, as they come."""
    if not missing:
        return
    from coursekit.grading import cluster  # dask takes a second to import

    remarks = {submission.student: submission.remark for submission in missing}
    marker = cluster.Marker(
        exercise.name, exercise.tests.name, content_of, seed=run.seed, unsafe_no_sandbox=unsafe_no_sandbox
    )

    def job(submission: Submission) -> cluster.Job:
        try:
            return cluster.Job(submission.student, submission.read())
        except BadNotebook as error:
            return cluster.Job(submission.student, b"", str(error))

    with cluster.cluster(min(workers, len(missing)), scheduler) as client:
        for result in cluster.mark(client, marker, map(job, missing)):
            result.versions["tests"] = run.tests
            result.remarks += [remarks[result.student]] if remarks[result.student] else []
            yield result


def _kept(out: Path, submission: Submission, run: Run, unsafe_no_sandbox: bool) -> Result | None:
    """The result of an earlier run, where it would be the same again."""
    try:
        result = Result.from_json(_result_file(out, submission.student).read_text())
        same = (result.student, result.seed, result.versions["tests"]) == (submission.student, run.seed, run.tests)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # none, or not one of ours
        return None
    if not same or result.status.startswith("grader error") or not (result.sandboxed or unsafe_no_sandbox):
        return None
    try:
        return result if result.sha256 == sha256(submission.read()) else None
    except BadNotebook as error:
        return result if result.status == f"bad notebook: {error}" else None


def _contents(found: list[Submission]) -> Iterator[tuple[str, bytes]]:
    for submission in found:
        try:
            yield submission.student, submission.read()
        except BadNotebook:
            yield submission.student, b""


def _run(out: Path, exercise: Exercise, found: list[Submission], tests: str, seed: str | None) -> Run:
    """The present run, which continues the one in ``out`` if there is one."""
    earlier = _read_run(out) if (out / RUN).exists() else None
    if earlier is not None and earlier.exercise != exercise.name:
        raise ValueError(f"{out} holds marks of {earlier.exercise}: choose another folder for {exercise.name}")
    if earlier is not None and seed not in (None, earlier.seed):
        raise ValueError(f"{out} holds marks with another seed: choose another folder, or give no seed to continue")
    fresh = secrets.token_hex(16) if seed is None else seed
    return Run(
        exercise=exercise.name,
        seed=fresh if earlier is None else earlier.seed,
        tests=tests,
        headings=exercise.headings,
        written=[dataclasses.asdict(question) for question in exercise.written],
        students=[submission.student for submission in found],
        submissions=len(found),
        merged=earlier is not None and earlier.merged,
    )


def _read_run(out: Path) -> Run:
    try:
        return Run(**json.loads((out / RUN).read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{out / RUN} cannot be read ({error}): choose another folder") from None


def _prepare(out: Path, run: Run) -> None:
    """Make the folders, remove what a killed run left, note the present one."""
    for folder in (out, *(out / name for name in FOLDERS)):
        folder.mkdir(exist_ok=True)
        files.remove_partial(folder)
    files.write(out / RUN, _json(run))


def _json(run: Run) -> str:
    return json.dumps(dataclasses.asdict(run), indent=1)


def _result_file(out: Path, student: str) -> Path:
    return out / "results" / f"{files.slug(student)}.json"


def _checksum(content_of: dict[str, bytes]) -> str:
    return sha256("".join(f"{sha256(content)}  {name}\n" for name, content in content_of.items()).encode())


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder of marks."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another run is writing into {folder}") from None
        yield
    finally:
        os.close(descriptor)

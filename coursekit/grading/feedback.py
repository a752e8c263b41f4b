"""The page that a student gets: points, what went wrong, and nothing that would give an answer or a hidden test away.

What a graded test says is for the lecturer: it holds expected values. Here it is taken apart line by line (`reduced`),
and of hidden tests nothing is left but points and the names of Python's own exceptions.
"""

from __future__ import annotations

import builtins
import html
import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from coursekit.grading.exercise import Exercise
from coursekit.grading.messages import clean
from coursekit.grading.result import Result, TestResult

if TYPE_CHECKING:
    from coursekit.grading.written import WrittenMark

SHOWN = 20
"""How many cells that raised are shown."""
STATUS_WORDS = {
    "timeout": (
        "Your code took too long",
        "It was stopped, and the tests during which that happened, or which came too late, give no points.",
        "Restart the kernel and run all cells. Look for a loop that never ends, and for long computations that your "
        "answers do not need: training, large plots, downloads. Delete them and hand in again if you still can.",
    ),
    "memory limit": (
        "Your code asked for too much memory",
        "It was stopped, and the tests during which that happened give no points.",
        "Look for arrays that are larger than the question needs, and for lists that keep growing. "
        "Work in batches, and hand in again if you still can.",
    ),
    "died": (
        "Your code ended before it answered",
        "The Python process in which it ran is gone. The tests during which that happened give no points.",
        "Restart the kernel and run all cells. Look for what ends Python itself, such as exit() or a crash in a "
        "library, and hand in again if you still can.",
    ),
    "protocol error": (
        "The answers of your code could not be read",
        "Something in the notebook disturbed the program that calls your functions. No test could be marked by it.",
        "Plain functions that take and return tensors never do this. Take out everything that the questions do not "
        "ask for, and hand in again if you still can.",
    ),
    "bad notebook": (
        "The file that you handed in is no notebook that can be read",
        "So nothing in it could be run or marked.",
        "Download the notebook again as an .ipynb file, see that it opens in Jupyter, and hand in again.",
    ),
    "grader error": (
        "Not marked yet",
        "Something went wrong on our side, not on yours. You have lost no points by it.",
        "You need not do anything: your lecturer sees this and marks your notebook again.",
    ),
}
"""For each status but `graded`: what it is called, what happened, and what to do."""

_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --text: #1b1d21; --soft: #555b63; --line: #cfd4da;
  --panel: #f4f6f8; --blue: #0072b2; --track: #e1e5ea; --good: #00663f; --bad: #a8281b; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --text: #e7e9ec; --soft: #b0b6be; --line: #3d444d;
  --panel: #1e2329; --blue: #56b4e9; --track: #39414b; --good: #5fd19b; --bad: #ff9b8c; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.1rem; line-height: 1.3; margin: 0; }
p { margin: 0.4rem 0; }
pre { margin: 0.4rem 0 0; padding: 0.6rem 0.8rem; background: var(--panel); border-radius: 0.3rem;
  white-space: pre-wrap; font: 0.875rem/1.45 ui-monospace, "SFMono-Regular", Consolas, "Liberation Mono", monospace; }
.soft { color: var(--soft); }
.head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; align-items: baseline; }
.points { font-variant-numeric: tabular-nums; white-space: nowrap; }
footer { margin-top: 2.5rem; color: var(--soft); font-size: 0.875rem; }
@media print { :root { color-scheme: light; --ground: #ffffff; --text: #000000; --soft: #444444; --line: #bbbbbb;
  --panel: #f4f4f4; --blue: #0072b2; --track: #dddddd; --good: #00663f; --bad: #a8281b; }
  body { max-width: none; padding: 0; font-size: 10.5pt; } * { print-color-adjust: exact; } }
"""
_FEEDBACK_STYLE = """
.total { font-size: 1.25rem; font-weight: 600; margin: 1rem 0 0.3rem; }
.bar { height: 0.6rem; border-radius: 0.3rem; background: var(--track); overflow: hidden; margin: 0.4rem 0; }
.bar span { display: block; height: 100%; background: var(--blue); }
.notice { margin: 1.5rem 0; padding: 0.8rem 1rem; background: var(--panel); border-left: 0.3rem solid var(--bad); }
section.question, section.cells { margin-top: 1.75rem; padding-top: 1rem; border-top: 1px solid var(--line); }
ul { list-style: none; margin: 0.6rem 0 0; padding: 0; }
li { margin: 0.5rem 0; break-inside: avoid; }
.passed b { color: var(--good); }
.lost b { color: var(--bad); }
.comment { white-space: pre-wrap; }
"""


def page(result: Result, exercise: Exercise, written: dict[str, WrittenMark]) -> str:
    """The feedback page of one submission as HTML; ``written`` has the questions marked by hand, as far as they are."""
    name = escaped(exercise.name)
    parts = [f'<header><h1>Feedback: {name}</h1><p class="soft">{escaped(result.student)}</p>']
    parts += [_total(result, exercise, written), "</header>", _notice(result)]
    by_hand = {question.name: question for question in exercise.written}
    marked = {} if math.isnan(result.score) else _by_question(result.tests)
    for question in [*exercise.headings, *(question for question in marked if question not in exercise.headings)]:
        if question in marked:
            parts.append(_question(_title(question, marked[question], exercise), marked[question]))
        if question in by_hand:
            parts.append(_written(by_hand[question].heading, by_hand[question].points, written.get(question)))
    parts.append(_remarks(result.remarks))
    if result.sha256:
        parts.append(f"<footer><p>Marked was the file with the SHA-256 checksum {escaped(result.sha256)}.</p></footer>")
    return document(f"Feedback: {name}", "\n".join(part for part in parts if part), _FEEDBACK_STYLE)


def document(title: str, body: str, style: str) -> str:
    """A page that needs nothing but itself and may fetch nothing; title and body are HTML already."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def escaped(text: str) -> str:
    """Text from anywhere, short, printable and with no meaning in HTML."""
    return html.escape(clean(text))


def number(points: float) -> str:
    """Points without a tail of zeros or of rounding errors."""
    return f"{round(points, 2):g}"


def out_of(score: float, best: float) -> str:
    """`3 of 4 points`."""
    return f"{number(score)} of {number(best)} {'point' if best == 1 else 'points'}"


def reduced(message: str) -> str:
    """What a failed comparison says, without the values that it compared.

    Kept are its first line, the test's own words, how many elements differ, and how shapes, dtypes or the places of nan
    and inf differ. All else that numpy (1.26 to 2.x) and torch add would give expected values away, the largest
    difference too.
    """
    alone = _ALONE.match(message)
    if alone is not None:
        return alone.group(1)
    lines, own_words = [], True
    for line in _LARGEST.sub("", message).strip().splitlines():
        if _VALUES.match(line):
            break
        own_words = own_words and not _ADDED.match(line)
        if line and (own_words or _HARMLESS.match(line)):
            lines.append(line)
    return "\n".join(lines)


_VALUES = re.compile(r" ?(?:ACTUAL|DESIRED|x|y): ")
"""From here on arrays are printed."""
_HARMLESS = re.compile(
    r"Mismatched elements: \d+ / \d+ \([\d.e+-]+%\)$|\((?:shapes|dtypes) .* mismatch\)$"
    r"|(?:x and y )?[+-]?(?:(?:nan|inf|NaT) location|inf values) mismatch:$"
)
_ADDED = re.compile(
    _HARMLESS.pattern + r"|Mismatch at ind|First \d+ mismatches|Max (?:absolute|relative) difference"
    r"|Expected .* but got |(?:Greatest )?(?:[Aa]bsolute|[Rr]elative) difference"
)
"""What stands after the test's own words."""
_LARGEST = re.compile(r" \(max (?:difference )?is [^)\n]*\)")
_ALONE = re.compile(
    r"\s*((?:Differences in strings|(?:Booleans|None|The length of the sequences) mismatch|Object comparison failed):)"
)
"""Messages that have nothing but values after these words."""

_EXCEPTION = re.compile(r"(_?[A-Z]\w*(?:Error|Exception|Warning|Iteration)):? ?(.*)")
_COUNTS = re.compile(r"\(\)|\(\d+,\)|\(\d+(?:, ?\d+)+\)|expected \d+(?:, got \d+)?")
_KINDS = {
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
}
_KINDS |= {"LinAlgError", "OutOfMemoryError", "AcceleratorError"}


def explanation(test: TestResult) -> str:
    """Why a public test gave no points, in words that may be shown to the student."""
    if test.outcome == "raised" and raised_kind(test) == "NotImplementedError":
        return "There is no answer here so far: your code raised NotImplementedError."
    if test.outcome == "raised":
        return f"Your code raised {test.message}"
    if test.outcome == "grader error":
        return "This test could not be marked, which is not your fault."
    if test.outcome == "not run":
        return "This test did not run."
    if test.outcome != "failed":
        return f"{STATUS_WORDS[test.outcome][0]}: {test.message}" if test.outcome in STATUS_WORDS else "It was stopped."
    raised = _EXCEPTION.match(test.message)  # in the test, when it worked with the answer
    if raised is None:
        return reduced(test.message) or "The answer is not right."
    kind, text = raised.groups()
    known = not any(character.isdigit() for character in _COUNTS.sub("", text))  # a number might be an expected value
    return f"What your code returned does not fit: {kind}{': ' if known and text else ''}{text if known else ''}"


def raised_kind(test: TestResult) -> str:
    """The type of the exception that a submission raised in a test; of Python's own ones, so that it tells no more."""
    kind = test.message.partition(":")[0].strip()
    return kind if kind in _KINDS else "an exception of its own"


def test_name(test: TestResult) -> str:
    """A test's name in words, without its parameters: an expected value may be one."""
    return test.test.partition("[")[0].removeprefix("test_").replace("_", " ")


def _by_question(tests: Iterable[TestResult]) -> dict[str, list[TestResult]]:
    questions: dict[str, list[TestResult]] = {}
    for test in tests:
        questions.setdefault(test.question, []).append(test)
    return questions


def _title(question: str, tests: list[TestResult], exercise: Exercise) -> str:
    """The heading of a question; a test that says no question goes under its own name, which may be a hidden one."""
    if question in exercise.headings:
        return exercise.headings[question]
    return "Another question" if any(test.test == question and not test.public for test in tests) else question


def _total(result: Result, exercise: Exercise, written: dict[str, WrittenMark]) -> str:
    """All points so far, and what is still to come."""
    if math.isnan(result.score):
        return ""
    done = [question for question in exercise.written if question.name in written]
    score = result.score + sum(written[question.name].points for question in done)
    best = result.max + sum(question.points for question in done)
    total = f'<p class="total">{out_of(score, best)}{"" if len(done) == len(exercise.written) else " so far"}</p>'
    return total + _bar(score, best)


def _bar(score: float, best: float) -> str:
    share = min(max(score / best, 0.0), 1.0) if best > 0 else 0.0
    return f'<div class="bar" aria-hidden="true"><span style="width: {100 * share:.1f}%"></span></div>'


def _notice(result: Result) -> str:
    """What happened and what to do, where a notebook was not marked as usual."""
    status = next((status for status in STATUS_WORDS if result.status.startswith(status)), None)
    if status is None:
        return ""
    title, happened, advice = STATUS_WORDS[status]
    detail = result.status.removeprefix(status).removeprefix(":").strip()
    parts = [f"<h2>{title}</h2>", f"<p>{happened}</p>"]
    if detail and status != "grader error":  # whose words may name a hidden test
        parts.append(f"<p>In the words of the program that marks: {escaped(detail)}.</p>")
    parts.append(f"<p>{advice}</p>")
    if result.needs_review and status != "grader error":
        parts.append("<p>Your lecturer will look at this mark.</p>")
    return f'<section class="notice">{"".join(parts)}</section>'


def _head(title: str, points: str) -> str:
    return f'<div class="head"><h2>{escaped(title)}</h2><span class="points">{points}</span></div>'


def _soft(score: float, best: float) -> str:
    return f'<span class="points soft">{out_of(score, best)}</span>'


def _question(title: str, tests: list[TestResult]) -> str:
    score, best = sum(test.score for test in tests), sum(test.max for test in tests)
    parts = [_head(title, out_of(score, best)), _bar(score, best)]
    if any(test.outcome != "not run" for test in tests):
        parts += [
            _public([test for test in tests if test.public]),
            _hidden([test for test in tests if not test.public]),
        ]
    return f'<section class="question">{"".join(parts)}</section>'


def _public(tests: list[TestResult]) -> str:
    names, seen, items = Counter(map(test_name, tests)), Counter[str](), []
    for test in tests:
        name = test_name(test)
        seen[name] += 1
        which = f" ({seen[name]} of {names[name]})" if names[name] > 1 else ""
        kind, verdict = ("passed", "✓ passed") if test.outcome == "passed" else ("lost", "✗ not passed")
        head = f"<span><b>{verdict}</b>: {escaped(name)}{which}</span>{_soft(test.score, test.max)}"
        words = f"<pre>{escaped(explanation(test))}</pre>" if test.outcome != "passed" else ""
        items.append(f'<li class="{kind}"><div class="head">{head}</div>{words}</li>')
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _hidden(tests: list[TestResult]) -> str:
    if not tests:
        return ""
    score, best = sum(test.score for test in tests), sum(test.max for test in tests)
    kinds = dict.fromkeys(raised_kind(test) for test in tests if test.outcome == "raised")
    words = [f"Your code raised {kind} in a test that is not shown." for kind in kinds]
    stops = dict.fromkeys(test.outcome for test in tests if test.outcome in STATUS_WORDS)
    words += [f"{STATUS_WORDS[stop][0]} in a test that is not shown." for stop in stops]
    items = "".join(f"<p>{line}</p>" for line in words)
    return f'<div class="head"><p>Tests that are not shown</p>{_soft(score, best)}</div>{items}'


def _written(title: str, best: float, mark: WrittenMark | None) -> str:
    if mark is None:
        body = _head(title, f"{number(best)} points") + "<p>Marked by hand; the points are still to come.</p>"
    else:
        comment = f'<p class="comment">{html.escape(mark.comment)}</p>' if mark.comment else ""
        body = _head(title, out_of(mark.points, best)) + _bar(mark.points, best) + comment
    return f'<section class="question">{body}</section>'


def _remarks(remarks: list[str]) -> str:
    """The cells that raised when the notebook ran, which is the student's own code, and what else is to be known."""
    cells = [remark for remark in remarks if _CELL.match(remark)]
    others = [f"<p>{escaped(remark)}</p>" for remark in remarks if not _CELL.match(remark)]
    parts = []
    if cells:
        parts.append('<section class="cells"><h2>When your notebook ran from top to bottom</h2>')
        parts.append("<p>Some cells raised an error; the others ran all the same. Only code cells are counted.</p>")
        parts.append("<ul>" + "".join(f"<li><pre>{escaped(remark)}</pre></li>" for remark in cells[:SHOWN]) + "</ul>")
        parts.append(f"<p>And {len(cells) - SHOWN} more.</p>" if len(cells) > SHOWN else "")
        parts.append("</section>")
    if others:
        parts.append(f'<section class="cells"><h2>About what you handed in</h2>{"".join(others)}</section>')
    return "".join(parts)


_CELL = re.compile(r"cell \d* ?raised ")

"""The lecturer's page about a whole class: how the points fell, what went wrong most often, who needs a look.

It fits on one sheet of paper, whatever the number of submissions; what is left out of a list is counted.
"""

from __future__ import annotations

import html
import io
import math
import re
import statistics
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style
from matplotlib.figure import Figure

from coursekit.grading.exercise import Exercise
from coursekit.grading.feedback import document, escaped, number, reduced
from coursekit.grading.result import STATUSES, Result, TestResult

MISTAKES, REASONS, NAMES = 10, 5, 100
"""How many mistakes, and how many reasons for a review, are listed; how many characters of names to a reason."""
STYLE = Path(__file__).parents[1] / "plot" / "course.mplstyle"  # importing `coursekit.plot` would import torch
_INK, _BAR = "#010203", "#040506"  # stand for the page's own colours, which follow light and dark
_CSS = """
body { max-width: 56rem; }
dl { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; margin: 1rem 0; }
dt { color: var(--soft); font-size: 0.875rem; }
dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
h2 { margin-top: 1.5rem; }
.wide { overflow-x: auto; overflow-wrap: break-word; }
figure { margin: 0.5rem 0 0; min-width: 36rem; }
figure svg { display: block; width: 100%; height: auto; color: var(--text); }
table { border-collapse: collapse; width: 100%; min-width: 48rem; font-size: 0.9rem; margin-top: 0.4rem; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
th[scope=rowgroup] { padding-top: 0.7rem; }
td.share { white-space: nowrap; font-variant-numeric: tabular-nums; }
@media print { body { font-size: 9pt; line-height: 1.3; } h1 { font-size: 14pt; } h2 { margin-top: 0.7rem; }
  dl { margin: 0.5rem 0; } dd { font-size: 12pt; } table { font-size: 8pt; }
  th, td, th[scope=rowgroup] { padding: 0.05rem 0.6rem 0.05rem 0; } table, figure { min-width: 0; }
  .wide { overflow-wrap: anywhere; }
  footer { margin-top: 0.7rem; font-size: 8pt; } @page { size: A4; margin: 12mm; } }
"""


@dataclass
class Mistake:
    """A graded test that some submissions did not pass."""

    question: str
    test: str
    ran: int = 0
    """Submissions in which the test ran."""
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Of the submissions in which the test ran, how many did not pass it."""
        return self.kinds.total() / self.ran if self.ran else 0.0


def page(results: list[Result], exercise: Exercise) -> str:
    """The report as HTML."""
    marked = [result for result in results if not math.isnan(result.score)]
    parts = [f"<h1>Report: {html.escape(exercise.name)}</h1>", _numbers(results, marked)]
    parts += [_plots(marked, exercise) if marked else "<p>No submission has been marked yet.</p>"]
    parts += [_mistakes(mistakes(marked), exercise), _reviews([result for result in results if result.needs_review])]
    if exercise.written:
        parts.append("<footer><p>Questions that are marked by hand are not in these numbers.</p></footer>")
    return document(f"Report: {html.escape(exercise.name)}", "\n".join(part for part in parts if part), _CSS)


def mistakes(results: list[Result]) -> list[Mistake]:
    """The tests that were not always passed, the most frequent first."""
    found: dict[tuple[str, str], Mistake] = {}
    for result in results:
        for test in result.tests:
            if test.outcome in ("not run", "grader error"):
                continue
            mistake = found.setdefault((test.question, test.test), Mistake(test.question, test.test))
            mistake.ran += 1
            if test.outcome != "passed":
                mistake.kinds[kind(test)] += 1
    return sorted((mistake for mistake in found.values() if mistake.kinds), key=lambda mistake: -mistake.share)


def kind(test: TestResult) -> str:
    """What went wrong in a few words, the same ones for the same mistake of different students."""
    if test.outcome == "raised":
        name = test.message.partition(":")[0]
        return "not answered yet" if name == "NotImplementedError" else _brief(test.message)
    if test.outcome != "failed":
        return test.outcome
    lines = reduced(test.message).splitlines()
    for pattern, words in _KINDS.items():
        if any(re.match(pattern, line) for line in lines):
            return words
    return _brief(lines[0]) if lines else "a wrong answer"


_KINDS = {
    r"\(shapes ": "wrong shape",
    r"\(dtypes ": "wrong dtype",
    r".*nan location mismatch": "nan in the wrong places",
    r".*inf (location|values) mismatch": "inf in the wrong places",
    r"Not equal to tolerance|Arrays are not|Items are not|Tensor-likes are not|Scalars are not": "wrong values",
}


def _brief(message: str) -> str:
    """The first line, without numbers, in which students differ."""
    return _cut(re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "…", message.partition("\n")[0]), 80)


def _numbers(results: list[Result], marked: list[Result]) -> str:
    statuses = Counter(_status(result) for result in results)
    entries = {"Submissions": str(len(results))}
    if marked:
        scores, best = [result.score for result in marked], _best(marked)
        entries["Mean"] = f"{statistics.mean(scores):.1f} of {number(best)}"
        entries["Median"] = f"{statistics.median(scores):.1f} of {number(best)}"
    entries |= {status.capitalize(): str(count) for status, count in statuses.most_common()}
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in entries.items()) + "</dl>"


def _status(result: Result) -> str:
    return next((status for status in STATUSES if result.status.startswith(status)), "other")


def _best(marked: list[Result]) -> float:
    return max((result.max for result in marked if not math.isnan(result.max)), default=0.0)


def _plots(marked: list[Result], exercise: Exercise) -> str:
    """The distributions of all points, and of those of each question."""
    best = _best(marked)
    scores = [result.score for result in marked]
    of_best: dict[str, float] = {}
    of_scores: dict[str, list[float]] = {}
    for result in marked:
        of_best |= result.questions(lambda test: test.max)
        for question, points in result.questions().items():
            of_scores.setdefault(question, []).append(points)
    titles = [exercise.headings.get(question, question) for question in of_scores]
    columns, rows = min(len(titles), 4) or 1, -(-len(titles) // 4) or 1
    with matplotlib.style.context(STYLE):
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": exercise.name, "text.parse_math": False})
        mpl.rcParams.update(dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor"), _INK))
        mpl.rcParams.update({"xtick.color": _INK, "ytick.color": _INK})
        total = Figure(figsize=(8.0, 1.7))
        _histogram(total.subplots(), scores, best, "Points of all questions")
        each = Figure(figsize=(8.0, 1.4 * rows))
        grid = each.subplots(rows, columns, squeeze=False, sharey=True).flatten()
        for axes, title, question in zip(grid, titles, of_scores, strict=False):
            _histogram(axes, of_scores[question], of_best[question], _cut(title, 28))
        for axes in grid[len(titles) :]:
            axes.set_visible(False)
        alts = [_alt("all questions", scores, best)]
        alts += [_alt(title, of_scores[name], of_best[name]) for title, name in zip(titles, of_scores, strict=True)]
        return _wide("Plots", _figure(total, alts[0]) + (_figure(each, " ".join(alts[1:])) if titles else ""))


def _histogram(axes: Any, scores: list[float], best: float, title: str) -> None:
    """How many got how many points: a bar for every half point, for wider steps where these would be many."""
    steps = next((width for width in (0.5, 1, 2, 5, 10, 20, 50) if best / width <= 30), best / 30) or 1.0
    counts = Counter(round(score / steps) for score in scores)
    axes.bar([step * steps for step in counts], list(counts.values()), width=0.8 * steps, color=_BAR)
    axes.set_xlim(-0.6 * steps, max(best, steps) + 0.6 * steps)
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("points", fontsize=9)
    axes.set_ylabel("submissions" if axes.get_subplotspec().is_first_col() else "", fontsize=9)


def _alt(title: str, scores: list[float], best: float) -> str:
    quarters = statistics.quantiles(scores, n=4, method="inclusive") if len(scores) > 1 else scores * 3
    low, middle, high = map(number, quarters)
    fell = f"a quarter got {low} or fewer, half {middle} or fewer, a quarter {high} or more"
    return f"{title}, of {number(best)} points: {fell}."


def _figure(figure: Figure, alt: str) -> str:
    """A plot as SVG inside the page, in the page's colours."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = svg.replace(_INK, "currentColor").replace(_BAR, "var(--blue)")
    return f'<figure role="img" aria-label="{html.escape(alt)}">{svg}</figure>'


def _mistakes(found: list[Mistake], exercise: Exercise) -> str:
    """The most frequent mistakes, question by question."""
    if not found:
        return ""
    groups: dict[str, list[Mistake]] = {question: [] for question in exercise.headings}
    for mistake in found[:MISTAKES]:
        groups.setdefault(mistake.question, []).append(mistake)
    rows = ["<tr><th>Test</th><th>Not passed by</th><th>Most often</th></tr>"]
    for question, group in groups.items():
        if group:
            title = escaped(exercise.headings.get(question, question))
            rows.append(f'<tr><th colspan="3" scope="rowgroup">{title}</th></tr>')
        for mistake in group:
            share = f"{mistake.kinds.total()} of {mistake.ran} ({mistake.share:.0%})"
            kinds = "; ".join(f"{words} ({count})" for words, count in mistake.kinds.most_common(2))
            cells = f'<td>{escaped(mistake.test)}</td><td class="share">{share}</td><td>{escaped(kinds)}</td>'
            rows.append(f"<tr>{cells}</tr>")
    title = "The most common mistakes"
    return f"<h2>{title}</h2>{_table(title, rows)}{_more(len(found) - MISTAKES)}"


def _reviews(results: list[Result]) -> str:
    """The submissions that a person should look at, by reason."""
    if not results:
        return "<h2>No submission needs a review</h2>"
    reasons: dict[str, list[str]] = {}
    for result in sorted(results, key=lambda result: _GRAVITY.get(_status(result), -1), reverse=True):
        reasons.setdefault(_cut(result.status, 80), []).append(_cut(result.student, 40))
    rows = ["<tr><th>Status</th><th>Submissions</th></tr>"]
    for reason, students in list(reasons.items())[:REASONS]:
        shown = 1
        while shown < len(students) and len(", ".join(students[: shown + 1])) <= NAMES:
            shown += 1
        more = f" and {len(students) - shown} more" if len(students) > shown else ""
        rows.append(f"<tr><td>{escaped(reason)}</td><td>{escaped(', '.join(students[:shown]))}{more}</td></tr>")
    title = f"{len(results)} to review"
    return f"<h2>{title}</h2>{_table(title, rows)}{_more(len(reasons) - REASONS)}"


_GRAVITY = {status: place for place, status in enumerate(STATUSES)}


def _table(name: str, rows: list[str]) -> str:
    return _wide(name, f"<table>{''.join(rows)}</table>")


def _wide(name: str, content: str) -> str:
    """What may be wider than a small window: it scrolls on its own, by the keyboard too."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{name}">{content}</div>'


def _more(count: int) -> str:
    return f"<p>And {count} more.</p>" if count > 0 else ""


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"

"""The report counts right, shows nothing but text, and fits on one sheet for any class."""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest

from coursekit.grading import Result, TestResult
from coursekit.grading.exercise import Exercise, WrittenQuestion
from coursekit.grading.feedback import page as feedback_page
from coursekit.grading.report import kind, mistakes, page
from tests.grading.test_feedback import HOSTILE, HTML

QUESTIONS = {f"q{number}": f"Question {number}: about $\\x_{number}$" for number in range(1, 4)}
EXERCISE = Exercise(
    name="density/softplus",
    master=Path("none"),
    tests=Path("none"),
    written=(WrittenQuestion("q3", 2.0, QUESTIONS["q3"]),),
    headings=QUESTIONS,
)
VALUES = "\nNot equal to tolerance rtol=1e-06, atol=0\n\nMismatched elements: 1 / 2 (50%)\n ACTUAL: array([0.25, 3.5])"
SHAPE = "\nNot equal to tolerance rtol=1e-06, atol=0\n\n(shapes (2,), (3,) mismatch)\n ACTUAL: array([0.25, 3.5])"


def result(student, tests, **changes):
    """A result with tests given as (name, question, score, best, outcome, message)."""
    tests = [TestResult(name, question, False, *rest) for name, question, *rest in tests]
    default = Result(
        student=student,
        status="graded",
        score=sum(test.score for test in tests),
        max=sum(test.max for test in tests),
        tests=tests,
        needs_review=False,
        sha256="c" * 64,
        seed="secret",
        exercise=EXERCISE.name,
        seconds=1.0,
    )
    return dataclasses.replace(default, **changes)


def answers(first="passed", message="", second="passed"):
    return [
        ("test_a", "q1", 1.5 * (first == "passed"), 1.5, first, message),
        ("test_b", "q2", 2.5 * (second == "passed"), 2.5, second, VALUES if second == "failed" else ""),
    ]


def faulty(student):
    return result(student, answers(), status="grader error: no", score=math.nan, needs_review=True)


def a_class(size):
    """A class in which everything happens, whatever its size."""
    rng = np.random.default_rng(0)
    ways = [answers(), answers("failed", VALUES), answers("raised", "ValueError: 3", "failed")]
    statuses = ["graded"] * 12 + ["died: the process ended", "timeout: a call took longer than 10 s", "bad notebook: x"]
    results = []
    for number in range(size):
        tests = [(f"{name}_{i}", q, *rest) for i in range(12) for name, q, *rest in ways[rng.integers(3)]]
        status = f"{statuses[number % len(statuses)]}"
        status += f" {number} " + 300 * "w" if status.startswith("died") else ""
        student = f"{'Student of a long name' if number % 2 else 'Student'} {number}"
        results.append(result(student, tests, status=status, needs_review=status != "graded"))
    return [*results, *(faulty(f"faulty {number}") for number in range(size // 20))]


def test_the_numbers_are_right():
    results = [result("ada", answers()), result("bob", answers("failed", VALUES))]
    results += [result("eve", answers("failed", SHAPE, "failed")), faulty("dan")]
    results += [result("fay", [(*test[:2], 0.0, test[3], "not run", "") for test in answers()], status="died: gone")]
    text = HTML(page(results, EXERCISE)).text
    assert re.search(r"Submissions\s*5\b", text)
    assert re.search(r"Mean\s*1.6 of 4\b", text)  # of 4, 2.5, 0 and 0: an error of the grader is no zero
    assert re.search(r"Median\s*1.2 of 4\b", text)
    assert (
        re.search(r"Graded\s*3\b", text) and re.search(r"Died\s*1\b", text) and re.search(r"Grader error\s*1\b", text)
    )
    assert "1 to review" in text and re.search(r"grader error: no\s*dan", text)
    assert "Questions that are marked by hand are not in these numbers." in text


def test_the_most_common_mistakes_come_by_question_and_test():
    results = [result("ada", answers("raised", "NameError: the notebook defines no f"))]
    results += [result("bob", answers("failed", SHAPE, "failed"))]
    results += [result(f"eve {number}", answers("failed", VALUES)) for number in range(2)]
    results += [result("fay", [(*test[:2], 0.0, test[3], "not run", "") for test in answers()])]
    first, second = mistakes(results)
    assert (first.question, first.test, first.ran, first.share) == ("q1", "test_a", 4, 1.0)
    assert first.kinds == {"wrong values": 2, "wrong shape": 1, "NameError: the notebook defines no f": 1}
    assert (second.test, second.ran, second.share) == ("test_b", 4, 0.25)
    text = HTML(page(results, EXERCISE)).text.partition("The most common mistakes")[2]
    assert re.search(r"Question 1: about \$\\x_1\$\s*test_a\s*4 of 4 \(100%\)\s*wrong values \(2\); ", text)
    assert text.index("test_a") < text.index("Question 2") < text.index("test_b")


@pytest.mark.parametrize(
    ("outcome", "message", "words"),
    [
        ("failed", VALUES, "wrong values"),
        ("failed", SHAPE, "wrong shape"),
        (
            "failed",
            VALUES.replace("Mismatched elements: 1 / 2 (50%)", "(dtypes float32, float64 mismatch)"),
            "wrong dtype",
        ),
        (
            "failed",
            VALUES.replace("Mismatched elements: 1 / 2 (50%)", "nan location mismatch:"),
            "nan in the wrong places",
        ),
        ("failed", "\nItems are not equal:\n ACTUAL: 1\n DESIRED: 2", "wrong values"),
        ("failed", "the estimate of 12.5 is biased", "the estimate of … is biased"),
        ("failed", "", "a wrong answer"),
        ("raised", "NotImplementedError", "not answered yet"),
        ("raised", "RuntimeError: a (3) must match b (-1.5e+7)\nmore", "RuntimeError: a (…) must match b (…)"),
        ("timeout", "a call took longer than 10 s", "timeout"),
    ],
)
def test_the_same_mistake_has_the_same_words(outcome, message, words):
    assert kind(TestResult("test_a", "q1", False, 0.0, 1.0, outcome, message)) == words


@pytest.mark.parametrize("size", [0, 1, 30, 1000])
def test_a_class_of_any_size_has_a_report(size):
    shown = page(a_class(size), EXERCISE)
    html = HTML(shown)
    assert html.unclosed == []
    assert ("svg" in html.tags) == (size > 0)
    if size:
        labels = re.findall(r'<figure role="img" aria-label="([^"]+)"', shown)
        assert len(labels) == 2 and all("a quarter got" in label for label in labels)
        assert "Question 1: about $\\x_1$, of 18 points: a quarter got" in labels[1]
    else:
        assert "No submission has been marked yet." in html.text
    assert len(shown) < 150_000


def test_no_marks_at_all():
    text = HTML(page([faulty("ada"), faulty("bob")], EXERCISE)).text
    assert "No submission has been marked yet." in text and "Mean" not in text and "ada, bob" in text
    nothing = dataclasses.replace(faulty("ada"), tests=[], max=math.nan)
    assert "No submission has been marked yet." in page([nothing], EXERCISE)
    assert "0.0 of 0" in page([result("ada", [])], EXERCISE)  # a test file without tests


def test_the_report_needs_nothing_but_itself_and_shows_only_text():
    tests = [(HOSTILE, HOSTILE, 0.0, 1.0, "raised", HOSTILE), ("test_a", "q1", 0.0, 1.0, "failed", HOSTILE)]
    shown = page([result(HOSTILE, tests, status=f"died: {HOSTILE}", needs_review=True)], EXERCISE)
    html = HTML(shown)
    assert not html.tags & {"script", "img", "b", "a", "image", "foreignobject", "link"}
    assert all(address.startswith("#") for address in html.addresses)
    assert html.text.count("<script>alert(1)</script>") >= 4
    assert "default-src 'none'; style-src 'unsafe-inline'" in shown
    assert not re.search(r"url\((?!#)|@import|src=", re.sub("&lt;img src=x", "", shown))
    assert set(re.findall(r"https?://[^\s\"<]*", shown)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_the_plots_follow_the_colours_of_the_page():
    shown = page(a_class(30), EXERCISE)
    colors = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", shown[shown.index("<svg") : shown.rindex("</svg>")]))
    assert colors <= {"none", "currentColor", "var(--blue)"} and "var(--blue)" in colors


def test_the_report_does_not_change_the_style_of_other_plots():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    page(a_class(3), EXERCISE)
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report and a feedback page, as files."""
    folder = tmp_path_factory.mktemp("pages")
    results = a_class(1000)
    (folder / "report.html").write_text(page(results, EXERCISE))
    shown = next(result for result in results if result.status.startswith("timeout"))
    remarks = ["cell 1 raised ValueError: " + "x" * 200]
    tests = [dataclasses.replace(test, public=number % 2 == 0) for number, test in enumerate(shown.tests)]
    one = dataclasses.replace(shown, tests=tests, remarks=remarks, student="a" * 100)
    (folder / "feedback.html").write_text(feedback_page(one, EXERCISE, {}))
    return folder


@pytest.mark.browser
@pytest.mark.parametrize("name", ["report", "feedback"])
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark"), (360, "light")])
def test_pages_are_accessible_and_as_wide_as_the_window(browser, pages, name, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    tab = browser.new_page(viewport={"width": width, "height": 740}, color_scheme=scheme, bypass_csp=True)
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto((pages / f"{name}.html").as_uri())
    assert len(requests) == 1
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    violations = Axe().run(tab).response["violations"]
    assert [violation["id"] for violation in violations] == []
    tab.close()


@pytest.mark.browser
def test_the_report_fits_on_one_sheet(browser, pages):
    tab = browser.new_page()
    tab.goto((pages / "report.html").as_uri())
    sheet = tab.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", sheet)) == 1
    tab.close()

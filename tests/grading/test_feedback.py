"""What a student is shown gives nothing away and can do no harm; numbers, names and pages are tried, not believed."""

import dataclasses
import math
import re
import traceback
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.grading import Result, TestResult
from coursekit.grading.exercise import Exercise, WrittenQuestion
from coursekit.grading.feedback import STATUS_WORDS, explanation, page, reduced
from coursekit.grading.result import STATUSES
from coursekit.grading.written import WrittenMark
from tests.grading.conftest import MAX
from tests.grading.conftest import RIGHT as RIGHT_CELLS

RIGHT = np.array([[0.73105857, 2.12692801], [-1.3132617, 5.00671535]])
SEED = "5eed5eed5eed"
EXERCISE = Exercise(
    name="density/softplus",
    master=Path("none"),
    tests=Path("none"),
    written=(WrittenQuestion("q3", 2.0, "Question 3: in words"),),
    headings={"q1": "Question 1: values", "q2": "Question 2: classes", "q3": "Question 3: in words"},
)


def compared(answer, right, compare=np.testing.assert_allclose, **options):
    """What a comparison says."""
    try:
        compare(answer, right, **options)
    except AssertionError as error:
        return str(error)
    except Exception as error:  # as the judge puts it
        return f"{type(error).__name__}: {error}"
    raise ValueError("they are equal")


def allclose(answer, right=RIGHT):
    return compared(answer, right, rtol=1e-6, strict=True, err_msg="softplus of a batch")


def result(*tests, **changes):
    default = Result(
        student="ada",
        status="graded",
        score=sum(test.score for test in tests),
        max=sum(test.max for test in tests),
        tests=list(tests),
        needs_review=False,
        sha256="c" * 64,
        seed=SEED,
        exercise=EXERCISE.name,
        seconds=1.5,
    )
    return dataclasses.replace(default, **changes)


def public(message, outcome="failed", **changes):
    return dataclasses.replace(TestResult("test_values[f4-0.25]", "q1", True, 0.0, 1.0, outcome, message), **changes)


def hidden(message, outcome="failed", **changes):
    return dataclasses.replace(
        TestResult("test_at_large_inputs[0.125]", "q1", False, 0.0, 2.0, outcome, message), **changes
    )


def numbers(array):
    """The numbers of an array in the forms that messages have, cut to the shortest that tells."""
    return {f"{abs(value):.8g}"[:5] for value in np.ravel(array).tolist()}


WRONG = {
    "array": allclose(RIGHT + np.array([[0.0, 0.5], [0.25, 0.0]])),
    "array, all": allclose(RIGHT * 3),
    "shape": allclose(RIGHT[0]),
    "dtype": allclose(RIGHT.astype("f4")),
    "nan": allclose(np.where(RIGHT < 0, np.nan, RIGHT)),
    "inf": allclose(np.where(RIGHT < 0, np.inf, RIGHT)),
    "scalar": compared(np.float64(1.25), np.float64(0.73105857), err_msg="softplus of a batch"),
    "scalar, equal": compared(1.25, 0.73105857, np.testing.assert_equal, err_msg="softplus of a batch"),
    "scalar, almost": compared(1.25, 0.73105857, np.testing.assert_almost_equal, err_msg="softplus of a batch"),
    "scalar, digits": compared(1.25, 0.73105857, np.testing.assert_approx_equal, err_msg="softplus of a batch"),
    "arrays, equal": compared(RIGHT + 1, RIGHT, np.testing.assert_array_equal, err_msg="softplus of a batch"),
    "arrays, less": compared(RIGHT + 1, RIGHT, np.testing.assert_array_less, err_msg="softplus of a batch"),
    "lists": compared([1.25, 2.0], [0.73105857, 2.0], np.testing.assert_equal, err_msg="softplus of a batch"),
    "long": compared(1.25, 0.73105857, err_msg="softplus of a batch, " * 5),
}
SILENT = {  # comparisons without words of the test's own
    "signs of inf": compared(np.array([np.inf, 0.5]), np.array([-np.inf, 0.73105857])),
    "max ulp": compared(RIGHT + 1, RIGHT, np.testing.assert_array_max_ulp),
    "nulp": compared(RIGHT + 1, RIGHT, np.testing.assert_array_almost_equal_nulp),
    "strings": compared("0.5", "0.73105857", np.testing.assert_string_equal),
    "torch": compared(torch.tensor(RIGHT + 1), torch.tensor(RIGHT), torch.testing.assert_close),
    "torch scalar": compared(1.25, 0.73105857, torch.testing.assert_close, rtol=0.0, atol=0.0),
    "torch integers": compared(1250, 73105, torch.testing.assert_close, rtol=0.0, atol=0),
    "torch shape": compared(torch.tensor(RIGHT[0]), torch.tensor(RIGHT), torch.testing.assert_close),
    "text for numbers": compared(np.array(["0.5"]), RIGHT, rtol=1e-6),
    "ragged": compared([[1.0], [1.0, 2.0]], RIGHT, rtol=1e-6),
    "no number": compared(None, RIGHT, rtol=1e-6),
    "in the test": compared(0.73105857, [1.5], lambda right, answers: answers.index(right)),
    "in the test, shapes": compared(np.zeros(3), np.zeros(4), lambda answer, right: answer - right),
}
OLD = {  # numpy 1.26
    "array": "\nNot equal to tolerance rtol=1e-06, atol=0\nsoftplus of a batch\nMismatched elements: 2 / 4 (50%)\n"
    "Max absolute difference: 0.5\nMax relative difference: 0.2350808\n x: array([[ 0.731059,  2.626928],\n"
    "       [-1.063262,  5.006715]])\n y: array([[ 0.731059,  2.126928],\n       [-1.313262,  5.006715]])",
    "nan": "\nNot equal to tolerance rtol=1e-06, atol=0\nsoftplus of a batch\nx and y nan location mismatch:\n"
    " x: array([[0.731059, 2.126928],\n       [     nan, 5.006715]])\n y: array([[ 0.731059,  2.126928]])",
    "inf": "\nNot equal to tolerance rtol=1e-06, atol=0\nsoftplus of a batch\nx and y +inf location mismatch:\n"
    " x: array([[0.731059, 2.126928]])\n y: array([[ 0.731059,  2.126928]])",
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("public_test", [True, False])
def test_no_expected_value_is_shown(kind, public_test):
    message = WRONG[kind]
    assert any(value in message for value in numbers(RIGHT))  # so there is something to hide
    shown = page(result((public if public_test else hidden)(message)), EXERCISE, {})
    assert not [value for value in numbers(RIGHT) if value in shown]
    assert ("softplus of a batch" in shown) == public_test
    assert not re.search("ACTUAL|DESIRED|difference|index|array", HTML(shown).text)


@pytest.mark.parametrize("kind", SILENT)
def test_no_expected_value_is_shown_by_comparisons_without_words(kind):
    shown = page(result(public(SILENT[kind])), EXERCISE, {})
    assert not [value for value in {*numbers(RIGHT), "73105"} if value in shown]
    assert "<pre>" in shown


@pytest.mark.parametrize("kind", OLD)
def test_old_messages_of_numpy_give_nothing_away(kind):
    shown = reduced(OLD[kind])
    assert not [value for value in numbers(RIGHT) if value in shown]
    assert shown.startswith("Not equal to tolerance rtol=1e-06, atol=0\nsoftplus of a batch\n")


def test_what_helps_is_kept():
    def last(kind):
        return reduced(WRONG[kind]).splitlines()[-1]

    first = "Not equal to tolerance rtol=1e-06, atol=0\nsoftplus of a batch\n"
    assert reduced(WRONG["array"]) == first + "Mismatched elements: 2 / 4 (50%)"
    assert last("shape") == "(shapes (2,), (2, 2) mismatch)"
    assert last("dtype") == "(dtypes float32, float64 mismatch)"
    assert last("nan").endswith("nan location mismatch:")
    assert "inf" in last("inf") and "mismatch" in last("inf")
    assert reduced(SILENT["max ulp"]) == "Arrays are not almost equal up to 1 ULP"
    assert "inf" in reduced(SILENT["signs of inf"]) and "-inf" not in reduced(SILENT["signs of inf"])
    assert last("long") == "Mismatched elements: 1 / 1 (100%)"
    assert reduced(OLD["array"]) == reduced(WRONG["array"])
    assert "softplus of a batch, softplus of a batch" in reduced(WRONG["long"])
    assert "[3, 2]" in reduced("the gradient at [3, 2] must\nbe negative")  # a test's own words
    assert explanation(public("")) == "The answer is not right."
    assert "no answer here so far" in explanation(public("NotImplementedError", "raised"))
    assert "operands could not be broadcast together with shapes (3,) (4,)" in explanation(
        public(SILENT["in the test, shapes"])
    )
    assert explanation(public(SILENT["in the test"])) == "What your code returned does not fit: ValueError"
    assert explanation(public("TypeError: cannot unpack non-iterable float object")).endswith("float object")
    assert explanation(public("ValueError: not enough values to unpack (expected 2, got 1)")).endswith("got 1)")
    assert "(3) must match" in explanation(public("RuntimeError: The size of tensor a (3) must match", "raised"))


def test_an_error_inside_a_comparison_gives_nothing_away():
    try:
        raise ValueError(f"error during assertion:\n\n{traceback.format_stack()}\n\n{WRONG['array']}")
    except ValueError as error:
        shown = page(result(public(f"ValueError: {error}")), EXERCISE, {})
    assert "does not fit: ValueError" in shown and "File" not in shown
    assert not [value for value in numbers(RIGHT) if value in shown]


def test_of_hidden_tests_only_points_and_types_are_shown():
    tests = [
        public("", "passed", score=1.0),
        hidden("at 1e+300 the answer is 5.0067"),
        hidden("ValueError: x was 88.125", "raised"),
        hidden("ValueError: x was 99.125", "raised"),
        hidden("Seen_88_125: 1", "raised"),  # an exception's name is the student's choice as well
        hidden("a call took longer than 10 s", "timeout"),
        hidden("", "passed", score=2.0, test="test_secret", question="test_secret"),
    ]
    shown = page(result(*tests), EXERCISE, {})
    assert "Your code raised ValueError in a test that is not shown." in shown
    assert shown.count("raised ValueError") == 1
    assert "Your code raised an exception of its own in a test that is not shown." in shown
    assert "Your code took too long in a test that is not shown." in shown
    assert ">0 of 10 points<" in shown
    for secret in ("large", "secret", "125", "88", "1e+300", "5.0067", SEED, "0.25"):
        assert secret not in shown, secret


def test_an_error_of_the_grader_is_no_zero_and_tells_nothing():
    status = "grader error: test_at_large_inputs: NameError: name 'desired' is not defined"
    shown = page(result(hidden("x", "grader error"), score=math.nan, status=status), EXERCISE, {})
    assert "Not marked yet" in shown and "You have lost no points" in shown
    assert not re.search("large|desired|0 of", shown)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_words_for_the_student(status):
    shown = page(result(public("", "not run"), status=f"{status}: it is <empty>", needs_review=True), EXERCISE, {})
    if status == "graded":
        assert "notice" not in HTML(shown).classes
        return
    for words in STATUS_WORDS[status]:
        assert words in shown
    assert ("it is &lt;empty&gt;" in shown) == (status != "grader error")


def test_points_and_what_is_still_to_come():
    tests = [
        public("", "passed", score=0.1, max=0.1),
        public("", "passed", score=0.2, max=0.2, test="test_values[f8]"),
        hidden("", score=0.0, max=0.7),
        TestResult("test_class", "q2", True, 1.0, 1.0, "passed"),
    ]
    text = HTML(page(result(*tests), EXERCISE, {})).text
    assert "1.3 of 2 points so far" in text
    assert re.search(r"Question 1: values\s*0.3 of 1 point\b", text)
    assert "values (1 of 2)" in text and "values (2 of 2)" in text
    assert re.search(r"Question 2: classes\s*1 of 1 point\b", text)
    assert re.search(r"Question 3: in words\s*2 points\s*Marked by hand; the points are still to come", text)
    marked = HTML(page(result(*tests), EXERCISE, {"q3": WrittenMark(1.5, "See <b>5</b>.\nGood.")})).text
    assert "2.8 of 4 points" in marked and "so far" not in marked
    assert re.search(r"Question 3: in words\s*1.5 of 2 points\s*See <b>5</b>.\nGood.", marked)


@pytest.mark.parametrize(
    "cell",
    [
        "def softplus(x):\n    return x",
        "def softplus(x):\n    return x.sum()",
        "def softplus(x):\n    return torch.log1p(x.exp()).double()",
        "def softplus(x):\n    return torch.log1p(x.exp()) * float('nan')",
        "def softplus(x):\n    return 0.25",
        "def softplus(x):\n    return 'text'",
        "def softplus(x):\n    raise ValueError(f'<script>{__name__}</script>')",
        "del softplus",
    ],
)
def test_a_submission_that_was_really_marked_learns_no_answer(mark, cell):
    marked = mark([*RIGHT_CELLS, cell], student="<b>ada</b>", seed=SEED)
    assert marked.score == MAX - 4
    shown = HTML(page(marked, EXERCISE, {})).text
    assert "✗ not passed" in shown and "<b>ada</b>" in shown
    for secret in ("0.69", "6931", "3147", SEED, "values(", "test_values", "callback", "test_class", "desired"):
        assert secret not in shown, secret


def test_cells_that_raised_are_shown():
    remarks = [f"cell {number} raised ValueError: <i>{number}</i>" for number in range(1, 100)]
    remarks.append("not marked: ada/old.ipynb")
    text = HTML(page(result(public("", "passed"), remarks=remarks), EXERCISE, {})).text
    assert text.index("About what you handed in") < text.index("not marked: ada/old.ipynb")
    assert "cell 20 raised ValueError: <i>20</i>" in text
    assert "cell 21 raised" not in text and "And 79 more." in text


class HTML(HTMLParser):
    """What a page consists of."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.classes, self.addresses, self.pieces, self.unclosed = set(), set(), [], [], []
        self.feed(source)
        self.text = " ".join(self.pieces)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in ("meta", "br"):
            self.unclosed.append(tag)
        for name, value in attributes:
            assert not name.startswith("on"), name
            if name == "class":
                self.classes.update(value.split())
            if name in ("src", "href", "action", "srcset", "data", "background", "xlink:href"):
                self.addresses.append(value)

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag

    def handle_data(self, data):
        if self.unclosed and self.unclosed[-1] != "style":
            self.pieces.append(data)


HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)><b>\"'&amp;\u202e\x00\ud800"


def test_whatever_comes_from_a_student_is_only_text():
    tests = [public(f"ValueError: {HOSTILE}", "raised"), public(HOSTILE), hidden(f"{HOSTILE}: {HOSTILE}", "raised")]
    tests += [public("", question=HOSTILE, test=HOSTILE)]
    hostile = result(*tests, student=HOSTILE, status=f"bad notebook: {HOSTILE}", remarks=[HOSTILE], sha256=HOSTILE)
    shown = page(hostile, EXERCISE, {"q3": WrittenMark(0.0, HOSTILE[:60])})
    html = HTML(shown)
    known = "html head meta title style body main header footer section h1 h2 p div span b ul li pre"
    assert html.tags <= set(known.split())
    assert html.unclosed == [] and html.addresses == []
    assert html.text.count("<script>alert(1)</script>") >= 6
    shown.encode("utf-8")
    assert not {"\u202e", "\x00"} & set(shown)


def test_the_page_needs_nothing_but_itself():
    shown = page(result(public(WRONG["array"])), EXERCISE, {})
    assert shown.startswith('<!DOCTYPE html>\n<html lang="en">')
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in shown
    assert not re.search(r"https?:|url\(|@import|<script|<link|<a ", shown)
    assert "prefers-color-scheme: dark" in shown and "@media print" in shown


def colors(css):
    return {name: value for name, value in re.findall(r"--(\w+): (#[0-9a-f]{6})", css)}


def contrast(one, other):
    """The contrast of two colours after WCAG 2.1."""

    def luminance(color):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_texts_and_bars_stand_out_in_light_in_dark_and_on_paper():
    css = page(result(public("")), EXERCISE, {}).partition("<style>")[2]
    first, dark, paper = re.findall(r":root \{([^}]*)\}", css)
    for palette in map(colors, (first, dark, paper)):
        assert palette.keys() == colors(first).keys()
        for text in ("text", "soft", "good", "bad"):
            assert contrast(palette[text], palette["ground"]) >= 4.5
            assert contrast(palette[text], palette["panel"]) >= 4.5
        assert contrast(palette["blue"], palette["track"]) >= 3

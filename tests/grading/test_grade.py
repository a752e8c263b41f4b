"""What a result says, for right and wrong answers."""

import dataclasses
import hashlib
import json
import math

import numpy as np
import pytest

from coursekit.grading import Limits, Result, grade
from tests.grading.conftest import MAX, RIGHT, notebook


def outcomes(result):
    return {test.test: test.outcome for test in result.tests}


def with_cell(*cells):
    """The right answers, and after them these cells."""
    return [*RIGHT, *cells]


def test_right_answers_get_all_points(mark):
    result = mark(RIGHT)
    assert (result.status, result.score, result.max) == ("graded", MAX, MAX)
    assert set(outcomes(result).values()) == {"passed"}
    assert result.questions() == {"q1": 4.0, "q2": 2.0, "q3": 2.5}
    assert [test.public for test in result.tests] == [False, True, False, False]
    assert result.sandboxed and not result.needs_review
    assert result.sha256 == hashlib.sha256(notebook(RIGHT).encode()).hexdigest()
    assert (result.student, result.seed, result.exercise) == ("ada", "secret", "softplus")
    assert {"python", "torch", "numpy", "coursekit"} <= result.versions.keys()
    assert all(test.seconds > 0 for test in result.tests)


def test_the_function_grades_too(graded_tests, tmp_path):
    path = tmp_path / "submission.ipynb"
    path.write_text(notebook(RIGHT))
    result = grade(path, graded_tests, student="ada")
    assert (result.status, result.score) == ("graded", MAX)
    assert len(result.seed) == 32  # drawn


def test_tests_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="tests must be a file"):
        grade(tmp_path / "a.ipynb", tmp_path / "none.py", student="ada")


@pytest.mark.parametrize(
    ("cell", "outcome"),
    [
        ("def softplus(x):\n    return x", "failed"),
        ("def softplus(x):\n    return torch.log1p(x.exp()).double()", "failed"),
        ("def softplus(x):\n    return torch.log1p(x.exp()).unsqueeze(0)", "failed"),
        ("def softplus(x):\n    return torch.log1p(x.exp()) * float('nan')", "failed"),
        ("def softplus(x):\n    return torch.log1p(x.exp()).tolist()", "failed"),
        ("def softplus(x):\n    return None", "failed"),
        ("def softplus(x):\n    return object()", "failed"),
        ("def softplus(x):\n    return x.exp_().log1p_()", "raised"),
        ("def softplus(x):\n    raise NotImplementedError", "raised"),
        ("def softplus(x, y):\n    return x", "raised"),
        ("softplus = 3", "failed"),
        ("del softplus", "raised"),
        ("def softplus(x):\n    return torch.sparse_coo_tensor((2, 2))", "raised"),
        ("def softplus(x):\n    return x.bfloat16()", "raised"),
    ],
)
def test_a_wrong_answer_loses_its_points_and_no_others(mark, cell, outcome):
    result = mark(with_cell(cell))
    assert result.status == "graded"
    assert outcomes(result)["test_values"] == outcome
    assert result.questions() == {"q1": 0.0, "q2": 2.0, "q3": 2.5}
    assert result.max == MAX


def test_an_exception_in_a_cell_does_not_stop_the_others(mark):
    result = mark(["1 / 0", "raise SystemExit(3)", "def broken(:", *RIGHT])
    assert (result.status, result.score) == ("graded", MAX)
    assert [remark.split(":")[0] for remark in result.remarks] == [
        "cell 1 raised ZeroDivisionError",
        "cell 2 raised SystemExit",
        "cell 3 raised SyntaxError",
    ]


def test_lines_for_ipython_are_left_out(mark):
    result = mark([f"%matplotlib inline\n!pip install nothing\n{RIGHT[0]}", f"%%time\n{RIGHT[1]}", *RIGHT[2:]])
    assert (result.status, result.score, result.remarks) == ("graded", MAX, [])


def test_duplicated_cells_and_lost_metadata_do_no_harm(mark):
    assert mark([*RIGHT, *RIGHT]).score == MAX


def test_the_same_seed_gives_the_same_inputs_and_another_does_not(mark, tmp_path):
    tests = tmp_path / "test_reveal.py"
    tests.write_text("def test_a(rng, student):\n    assert False, str(rng.normal())\n")

    def drawn(**changes):
        return mark(**{"cells": RIGHT, "tests": tests, **changes}).tests[0].message

    assert drawn() == drawn()
    different = [drawn(), drawn(seed="other"), drawn(student="bob"), drawn(cells=[*RIGHT, "# a comment"])]
    assert len(set(different)) == 4


def test_public_tests_come_first(mark, tmp_path):
    """So that what a submission says in one, which it may read later, tells nothing of the inputs of a hidden one."""
    tests = tmp_path / "test_order.py"
    tests.write_text(
        "import pytest\ndef test_hidden(student):\n    student.note('hidden')\n"
        "@pytest.mark.public\ndef test_public(student):\n    assert False, student.note('public')\n"
    )
    result = mark(["said = []\ndef note(word):\n    said.append(word)\n    return ' '.join(said)"], tests=tests)
    assert [(test.test, test.message) for test in result.tests] == [("test_hidden", ""), ("test_public", "public")]


def test_random_answers_get_the_same_marks_twice(mark):
    cells = with_cell("def softplus(x):\n    return torch.log1p(x.exp()) if torch.rand(()) < 0.5 else x")
    assert len({tuple(outcomes(mark(cells)).items()) for _ in range(3)}) == 1


def test_a_stop_costs_one_test_and_not_the_rest(mark):
    cells = with_cell("def twice(f, x):\n    import os\n    os._exit(0)")
    result = mark(cells)
    assert result.status.startswith("died")
    assert result.needs_review
    assert result.questions() == {"q1": 4.0, "q2": 0.0, "q3": 2.5}
    assert outcomes(result)["test_callback"] == "died"


def test_total_time_is_limited(mark):
    limits = Limits(seconds=3, load_seconds=20, call_seconds=20)
    result = mark(with_cell("def softplus(x):\n    while True: pass"), limits=limits)
    assert result.status.startswith("timeout")
    assert result.max == MAX and result.score < MAX
    assert set(outcomes(result).values()) <= {"timeout", "not run"}
    assert result.seconds < 6


# --- faults of the tests are not the student's ------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "def test_a(student):\n    raise RuntimeError('ours')\n",
        "def test_a(student):\n    student.softplus\n    undefined\n",
        "def test_a(student):\n    student.softplus(object())\n",
        "def test_a(student, no_such_fixture):\n    pass\n",
        "import no_such_module\n",
        "def broken(:\n",
        "# nothing\n",
        "import os\ndef test_a(student):\n    os._exit(1)\n",
    ],
)
def test_a_fault_of_the_tests_is_no_zero(mark, tmp_path, source):
    tests = tmp_path / "test_broken.py"
    tests.write_text(source)
    result = mark(RIGHT, tests=tests)
    assert result.status.startswith("grader error")
    assert math.isnan(result.score)
    assert result.needs_review
    assert mark(RIGHT).score == MAX  # and the next one is marked as usual


def test_tests_see_what_lies_beside_them(mark, tmp_path):
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "reference.py").write_text("VALUE = 2.0\n")
    tests = folder / "test_a.py"
    tests.write_text(
        "from reference import VALUE\ndef test_a(student):\n    assert student.twice(lambda x: x, 1.0) == VALUE\n"
    )
    assert mark(RIGHT, tests=tests).score == 1.0
    assert not list(folder.glob("__pycache__"))


def test_a_test_file_that_changes_is_read_anew(mark, tmp_path):
    tests = tmp_path / "test_a.py"
    for right in (True, False):
        tests.write_text(f"def test_a(student):\n    assert {right}\n")
        assert mark(RIGHT, tests=tests).score == float(right)


def test_values_of_every_kind_cross(mark, tmp_path):
    tests = tmp_path / "test_a.py"
    tests.write_text(
        "import numpy as np\n"
        "def test_a(student):\n"
        "    value = {'a': [1, 2.5, None, True, 'text'], 'b': (np.arange(3), np.float32(2.0))}\n"
        "    answer = student.echo(value, named=np.array([[1 + 2j]], 'c8'))\n"
        "    assert answer[0]['a'] == value['a'] and isinstance(answer[0]['b'], tuple)\n"
        "    np.testing.assert_array_equal(answer[0]['b'][0], np.arange(3), strict=True)\n"
        "    np.testing.assert_array_equal(answer[0]['b'][1], np.float32(2.0), strict=True)\n"
        "    np.testing.assert_array_equal(answer[1], np.array([[1 + 2j]], 'c8'), strict=True)\n"
        "    assert answer[2] == ['Tensor', 'Tensor']\n"
        "    assert student.constant == 7\n"
        "    assert repr(student.echo) and not hasattr(student, 'nothing') and not hasattr(student, '_private')\n"
        "    thing = student.Thing(2)\n"
        "    assert student.weigh(thing) == 2 and thing.part.weight == 3\n"
    )
    cells = [
        "constant, _private = 7, 8",
        "def echo(value, named):\n    return value, named, [type(x).__name__ for x in value['b']]",
        "class Thing:\n    def __init__(self, weight):\n        self.weight = weight\n"
        "    @property\n    def part(self):\n        return Thing(self.weight + 1)",
        "def weigh(thing):\n    return thing.weight",
    ]
    result = mark(cells, tests=tests)
    assert result.tests[0].message == ""
    assert result.score == 1.0


# --- results as JSON ---------------------------------------------------------------------------------------------


def test_results_survive_json(mark):
    result = mark(RIGHT)
    assert Result.from_json(result.to_json()) == result
    broken = dataclasses.replace(result, score=math.nan, status="grader error: x")
    text = broken.to_json()
    assert json.loads(text)["score"] is None
    assert math.isnan(Result.from_json(text).score)
    assert np.isclose(result.questions(lambda test: test.max)["q3"], 2.5)

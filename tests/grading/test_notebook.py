"""Files that are no notebooks."""

import json
import os
import signal

import psutil
import pytest

from coursekit.grading.notebook import BadNotebook, cells, read_bytes
from tests.grading.conftest import MAX, RIGHT, notebook

BAD = {
    "empty": b"",
    "blank": b"  \n",
    "100 MB": b" " * 10**8,
    "no JSON": b"not a notebook",
    "no text": b"\xff\xfe\x00" * 100,
    "deeply nested": b"[" * 10**6,
    "deeply nested in a cell": b'{"cells": [{"cell_type": "code", "source": ' + b"[" * 10**5 + b"]" * 10**5 + b"}]}",
    "a list": b"[]",
    "a number": b"1e999",
    "a very long number": b"1" * 10**6,
    "no cells": b"{}",
    "cells that are no list": b'{"cells": 3}',
    "a cell that is no object": b'{"cells": [3]}',
    "a source that is no text": b'{"cells": [{"cell_type": "code", "source": [1]}]}',
    "format 3": b'{"worksheets": [{"cells": []}], "nbformat": 3}',
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_bad_content(grader, graded_tests, tmp_path, content):
    path = tmp_path / "submission.ipynb"
    path.write_bytes(content)
    result = grader.grade(path, graded_tests, student="ada")
    assert result.status.startswith("bad notebook: ")
    assert (result.score, result.max) == (0.0, MAX)
    assert result.needs_review
    assert {test.outcome for test in result.tests} == {"not run"}


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "link", "loop", "device", "name with a null byte"])
def test_bad_files(grader, graded_tests, tmp_path, kind):
    path = tmp_path / "submission.ipynb"
    real = tmp_path / "real.ipynb"
    real.write_text(notebook(RIGHT))
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(real)
        case "loop":
            path.symlink_to(path)
        case "device":
            path = "/dev/zero"
        case "name with a null byte":
            path = f"{tmp_path}/\0.ipynb"
    result = grader.grade(path, graded_tests, student="ada")
    assert result.status.startswith("bad notebook: ")
    assert (result.score, result.max) == (0.0, MAX)


def test_strange_names_of_students(grader, graded_tests, tmp_path):
    path = tmp_path / "submission.ipynb"
    path.write_text(notebook(RIGHT))
    for student in ("", "../../etc/passwd", "a\0b\nc", "\ud800", "\u202e", "=1+1", "x" * 10**5):
        result = grader.grade(path, graded_tests, student=student)
        assert (result.student, result.score) == (student, MAX)


def test_cells_are_read_whatever_else_there_is():
    content = {
        "cells": [
            {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": {"nbgrader": {"grade_id": "q1"}}},
            {"cell_type": "markdown", "source": "text", "metadata": None, "unknown": [1]},
            {"cell_type": "raw"},
        ]
    }
    found = cells(b"\xef\xbb\xbf" + json.dumps(content).encode())
    assert [(cell.kind, cell.source) for cell in found] == [("code", "a = 1\nb = 2"), ("markdown", "text"), ("raw", "")]
    assert [cell.nbgrader for cell in found] == [{"grade_id": "q1"}, {}, {}]


def test_a_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(BadNotebook, match="more than 4 bytes"):
        read_bytes(path, 4)


def test_a_sandbox_that_ends_is_no_fault_of_the_submission(mark, grader, graded_tests):
    """The warm process is killed while a test talks to its submission."""
    judge = psutil.Process(grader.process.pid)
    processes = [p for p in judge.children(recursive=True) if p.name().startswith("python")]
    warm = min(processes, key=psutil.Process.create_time)  # a supervisor of the last submission may still be ending
    tests = graded_tests.with_name("test_kill.py")
    tests.write_text(
        f"import os\ndef test_a(student):\n    student.softplus\n    os.kill({warm.pid}, {signal.SIGKILL:d})\n"
        "    while True: student.softplus\n"
    )
    result = mark(RIGHT, tests=tests)
    assert result.status.startswith("grader error"), result.status
    assert result.needs_review
    assert mark(RIGHT).score == MAX

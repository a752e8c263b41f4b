"""A small exercise, and notebooks made from cells."""

import json

import pytest

TESTS = """
import numpy as np
import pytest


@pytest.mark.question("q1")
@pytest.mark.points(3)
def test_values(student, rng):
    a = rng.normal(size=(4, 5)).astype("f4")
    np.testing.assert_allclose(student.softplus(a), np.log1p(np.exp(a)), rtol=1e-5, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_zero(student):
    answer = student.softplus(np.zeros(2, "f4"))
    np.testing.assert_allclose(answer, np.full(2, np.log(2), "f4"), rtol=1e-6, strict=True, err_msg="softplus(0)")


@pytest.mark.question("q2")
@pytest.mark.points(2)
def test_callback(student, rng):
    a, scale = rng.normal(size=3), rng.normal()
    np.testing.assert_allclose(student.twice(lambda x: scale * x, a), 2 * scale * a, rtol=1e-12, strict=True)


@pytest.mark.question("q3")
@pytest.mark.points(2.5)
def test_class(student, rng):
    a = rng.normal(size=(2, 3))
    total = student.Total(3)
    total.add(a[0])
    total.add(a[1])
    np.testing.assert_allclose(total.value, a.sum(0), rtol=1e-12, strict=True)
"""

RIGHT = [
    "import torch",
    "def softplus(x):\n    return torch.log1p(x.exp())",
    "def twice(f, x):\n    return 2 * f(x)",
    "class Total:\n"
    "    def __init__(self, size):\n        self.value = torch.zeros(size, dtype=torch.float64)\n"
    "    def add(self, x):\n        self.value = self.value + x",
]
MAX = 8.5


def notebook(cells):
    """The JSON of a notebook."""
    return json.dumps(
        {
            "cells": [
                {"cell_type": "code", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
                for cell in cells
            ],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


@pytest.fixture
def graded_tests(tmp_path):
    path = tmp_path / "graded" / "test_softplus.py"
    path.parent.mkdir()
    path.write_text(TESTS)
    return path


@pytest.fixture
def mark(grader, graded_tests, tmp_path):
    """Mark a notebook of these cells."""

    def mark(cells, *, student="ada", seed="secret", limits=None, tests=None):
        path = tmp_path / "submission.ipynb"
        path.write_text(notebook(cells))
        return grader.grade(path, tests or graded_tests, student=student, seed=seed, limits=limits)

    return mark

"""Graded tests of `autoregressive/pixelrnn`. Maps are held against diagonals, states against sums and limits."""

import numpy as np
import pytest


def logistic(a):
    return (1 + np.tanh(a / 2)) / 2


def along_the_row(hidden, weight):
    """The sum over features and neighbours, pixel by pixel, zeros beyond the ends: (B, 4 n, W)."""
    width, reach = hidden.shape[2], weight.shape[2] // 2
    result = np.zeros((hidden.shape[0], weight.shape[0], width))
    for j in range(width):
        for k in range(weight.shape[2]):
            if 0 <= j + k - reach < width:
                result[:, :, j] += hidden[:, :, j + k - reach].astype("f8") @ weight[:, :, k].astype("f8").T
    return result


def states(from_input, hidden, cell, weight):
    """h and c of the row, block by block."""
    n = hidden.shape[1]
    a = from_input + along_the_row(hidden, weight)
    kept = logistic(a[:, n : 2 * n]) * cell
    cell = kept + logistic(a[:, 2 * n : 3 * n]) * np.tanh(a[:, 3 * n :])
    return logistic(a[:, :n]) * np.tanh(cell), cell


def draw_row(rng, batch, n, width, kernel):
    """What the pixels say, the states of the row above, and a kernel."""
    from_input, hidden = rng.normal(size=(batch, 4 * n, width)), rng.uniform(-1, 1, size=(batch, n, width))
    return from_input, hidden, rng.normal(size=(batch, n, width)), rng.normal(size=(4 * n, n, kernel))


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_columns_are_diagonals(student, rng):
    for height, width in ((4, 3), (2, 5)):
        x = rng.normal(size=(height, width))
        answer = student.skew(x, 1)
        assert answer.shape == (height, width + height - 1)
        for column in range(width + height - 1):
            diagonal = np.diagonal(x[:, ::-1], offset=width - 1 - column)  # from the top, right to left
            full = answer[max(0, column - width + 1) : column + 1, column]
            np.testing.assert_allclose(full, diagonal, rtol=1e-12, strict=True)
        np.testing.assert_allclose(answer.sum(), x.sum(), rtol=1e-9, atol=1e-9)


@pytest.mark.question("q1")
@pytest.mark.points(1)
@pytest.mark.public
def test_there_and_back(student, rng):
    """With leading axes, in three dtypes, and with one row or column."""
    for shape, dtype in (((2, 3, 4, 5), "f4"), ((3, 1, 4), "f8"), ((5, 1), "i8")):
        x = (100 * rng.normal(size=shape)).astype(dtype)
        for slope in (0, 1, 3):
            skewed = student.skew(x, slope)
            assert skewed.dtype == x.dtype
            assert skewed.shape == (*shape[:-1], shape[-1] + slope * (shape[-2] - 1))
            np.testing.assert_array_equal(student.unskew(skewed, slope), x, strict=True)


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_where_each_pixel_goes(student, rng):
    """One image for each pixel, which is one there and zero elsewhere."""
    height, width = 4, 3
    pixels = np.eye(height * width).reshape(height * width, height, width)
    for slope in (0, 2, 3):
        example, row, column = np.nonzero(student.skew(pixels, slope))
        np.testing.assert_array_equal(example, np.arange(height * width))
        np.testing.assert_array_equal(row, np.repeat(np.arange(height), width))
        np.testing.assert_array_equal(column - slope * row, np.tile(np.arange(width), height))


@pytest.mark.question("q1")
@pytest.mark.points(1)
def test_empty_places_do_not_matter(student, rng):
    """Two full maps, of which only what is not empty agrees, and not a single number elsewhere."""
    height, width, slope = 4, 3, 2
    skewed = rng.normal(size=(2, height, width + slope * (height - 1)))
    rows, columns = np.indices(skewed.shape[1:])
    inside = (columns >= slope * rows) & (columns < slope * rows + width)
    exact = skewed[:, inside].reshape(2, height, width)
    np.testing.assert_array_equal(student.unskew(skewed, slope), exact, strict=True)
    skewed[:, ~inside] = np.nan
    np.testing.assert_array_equal(student.unskew(skewed, slope), exact, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_one_row(student, rng):
    row = draw_row(rng, 3, 2, 5, 3)
    for answer, exact in zip(student.next_row(*row), states(*row), strict=True):
        np.testing.assert_allclose(answer, exact, rtol=1e-9, atol=1e-10, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
@pytest.mark.public
def test_gates_open_and_closed(student, rng):
    """A gate of 1000 is open, one of -1000 is closed: the cell is kept, replaced or hidden."""
    n, width = 2, 4
    content, hidden, cell = rng.normal(size=(3, 1, n, width))
    silent = np.zeros((4 * n, n, 3))
    for dtype, rtol in (("f8", 1e-9), ("f4", 1e-4)):
        for shown, kept, entered in ((1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)):
            gates = [np.full((1, n, width), 2000.0 * gate - 1000) for gate in (shown, kept, entered)]
            from_input = np.concatenate([*gates, content], axis=1)
            new_cell = kept * cell + entered * np.tanh(content)
            given = [a.astype(dtype) for a in (from_input, hidden, cell, silent)]
            h, c = student.next_row(*given)
            np.testing.assert_allclose(c, new_cell.astype(dtype), rtol=rtol, atol=1e-6, strict=True)
            np.testing.assert_allclose(h, (shown * np.tanh(new_cell)).astype(dtype), rtol=rtol, atol=1e-6, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_other_kernels_in_both_precisions(student, rng):
    """A kernel of one, one wider than the row, and rows of one pixel."""
    for width, kernel in ((6, 1), (2, 5), (1, 3), (7, 5)):
        row = draw_row(rng, 2, 3, width, kernel)
        for dtype, rtol in (("f8", 1e-9), ("f4", 1e-3)):
            answers = student.next_row(*(a.astype(dtype) for a in row))
            for answer, exact in zip(answers, states(*row), strict=True):
                np.testing.assert_allclose(answer, exact.astype(dtype), rtol=rtol, atol=rtol / 10, strict=True)


@pytest.mark.question("q2")
@pytest.mark.points(1)
def test_many_rows(student, rng):
    """No kernel, so every row has the same gates and the cell is a geometric series; then the triangle that is seen."""
    n, width, rows = 2, 3, 6
    from_input = rng.normal(size=(1, 4 * n, width))
    h, c = np.zeros((2, 1, n, width))
    for _ in range(rows):
        h, c = student.next_row(from_input, h, c, np.zeros((4 * n, n, 3)))
    o, f, i, g = np.split(from_input, 4, axis=1)
    kept = logistic(f)
    series = logistic(i) * np.tanh(g) * (1 - kept**rows) / (1 - kept)
    np.testing.assert_allclose(c, series, rtol=1e-9, strict=True)
    np.testing.assert_allclose(h, logistic(o) * np.tanh(series), rtol=1e-9, strict=True)

    from_input, hidden, cell, weight = draw_row(rng, 1, 2, 9, 3)
    changed = hidden.copy()
    changed[:, :, 4] += 1.0
    pair = from_input.repeat(2, axis=0), np.concatenate([hidden, changed]), cell.repeat(2, axis=0)
    for reach in (1, 2, 3):
        h, c = student.next_row(*pair, weight)
        pair = pair[0], h, c
        moved = (np.abs(c[0] - c[1]) > 1e-12).any(axis=0)
        np.testing.assert_array_equal(moved, np.abs(np.arange(9) - 4) <= reach)

"""nbval's comparison: numbers within a tolerance, everything else exactly."""

import pytest

from tests.notebooks.comparison import sanitise


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("loss 0.12345", "loss 0.12346"),
        ("-103.45 nats", "-103.50 nats"),
        ("1.0e-05", "1.0005e-05"),
        ("-0.0", "0.0"),
        ("[0.1, 2.0]", "[0.1, 2.001]"),
        ("ends in 2.5.", "ends in 2.501."),
        ("took 3.2 s", "took 4.8 s"),
        ("<object at 0x7f3a12b4c5d0>", "<object at 0x…>"),
        ({"id": "H1", "evidence": "0.5000"}, {"id": "H1", "evidence": "0.5001"}),
        ('<audio src="data:audio/wav;base64,UklGRi+/=="> a', '<audio src="data:audio/wav;base64,AAAA"> a'),
    ],
)
def test_equal(stored, fresh):
    assert sanitise(stored) == sanitise(fresh)
    assert not sanitise(stored) != sanitise(fresh)


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("loss 0.123", "loss 0.124"),
        ("784 pixels", "785 pixels"),
        ("loss 0.5", "cost 0.5"),
        ("0.5", "0.5 0.5"),
        ("0.5", "1"),
        ("0.5", "-0.5"),
        ("0.5", "nan"),
        ("torch 2.6.0", "torch 2.7.0"),
        ("0.5 nats", "0.5 bits"),
        ({"id": "H1", "verdict": "holds"}, {"id": "H1", "verdict": "refuted"}),
        ('<audio src="data:audio/wav;base64,UklG"> a', '<audio src="data:audio/wav;base64,UklG"> b'),
    ],
)
def test_different(stored, fresh):
    assert sanitise(stored) != sanitise(fresh)
    assert not sanitise(stored) == sanitise(fresh)


@pytest.mark.parametrize(
    ("stored", "fresh", "equal"),
    [
        ("FID 559 after 1 epoch", "FID 779 after 1 epoch", True),
        ("FID 559", "FID 1240", False),
        ("classes [0, 1, 10]", "classes [1, 0, 9]", True),
        ("classes [0, 1, 10]", "classes [0, 1]", False),
        ("40 of 6,000 digits", "41 of 6,000 digits", True),
        ("40 of 6,000 digits", "40 of 7,000 digits", False),
        ("-12.5 nats, 3%", "-12.4 nats, 4%", True),
        ("-12.5 nats, 3%", "-62.4 nats, 3%", False),
        ("8 digits", "8 letters", False),
    ],
)
def test_counts_of_a_training(stored, fresh, equal):
    assert (sanitise(stored, 0.3, counts=True) == sanitise(fresh, 0.3, counts=True)) == equal
    assert sanitise(stored, 0.3) != sanitise(fresh, 0.3)  # without counts none of them is equal


def test_columns_may_shift():
    assert sanitise("pixels  9.99  a", 0.1) == sanitise("pixels 10.01  a", 0.1)


def test_tolerance_of_a_cell():
    assert sanitise("1.00", 0.05) == sanitise("1.04", 0.05)
    assert sanitise("1.00", 0.05) != sanitise("1.10", 0.05)


NOTEBOOK = """
import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output
cell = new_code_cell({source!r}, execution_count=1, metadata={metadata!r})
cell.outputs = [new_output("stream", text={text!r})]
nbformat.write(new_notebook(cells=[cell]), {path!r})
"""


@pytest.mark.parametrize(
    ("text", "metadata", "passes"),
    [("0.5001\n", {}, True), ("0.51\n", {}, False), ("0.51\n", {"coursekit": {"tolerance": 0.1}}, True)],
)
def test_nbval_uses_it(pytester, text, metadata, passes):
    pytest.importorskip("nbval")
    path = str(pytester.path / "one.ipynb")
    exec(NOTEBOOK.format(source="print(0.5)", metadata=metadata, text=text, path=path))
    result = pytester.runpytest("-p", "tests.notebooks.comparison", "--nbval", "--nbval-current-env", path)
    result.assert_outcomes(passed=int(passes), failed=int(not passes))


def test_nbval_misses_a_picture_that_is_gone(pytester):
    pytest.importorskip("nbval")
    path = str(pytester.path / "one.ipynb")
    exec(NOTEBOOK.format(source="print(0.5)", metadata={}, text="0.5\n", path=path))
    text = (pytester.path / "one.ipynb").read_text()
    picture = '{"output_type": "display_data", "metadata": {}, "data": {"image/png": "AAAA"}},'
    (pytester.path / "one.ipynb").write_text(text.replace('"outputs": [', f'"outputs": [{picture}'))
    result = pytester.runpytest("-p", "tests.notebooks.comparison", "--nbval", "--nbval-current-env", path)
    result.assert_outcomes(failed=1)

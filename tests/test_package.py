"""The package's small tools: what they print, record and raise; and what importing it loads."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

import coursekit as ck


def test_importing_the_package_loads_nothing_heavy():
    """No plotting, no data sets, no widgets before they are asked for; not even the models."""
    heavy = ["torchvision", "matplotlib", "lightning_fabric", "ipywidgets", "anywidget", "IPython", "tqdm", "sklearn"]
    code = (
        "import sys, torch; before = set(sys.modules); import coursekit; "
        f"new = set(sys.modules) - before; print([m for m in {heavy!r} if m in new], "
        "[m for m in new if m.startswith('coursekit.')])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[] []"


def test_every_public_name_resolves():
    for name in ck.__all__:
        assert getattr(ck, name) is not None
    assert set(ck.__all__) <= set(dir(ck))
    with pytest.raises(AttributeError, match="no attribute 'gan'"):
        _ = ck.gan


def test_a_claim_prints_one_line(capsys):
    ck.claim("H13", "KL is not symmetric", 0.3 != 0.4, "0.3 against 0.4 nats")
    assert capsys.readouterr().out == "H13 holds: KL is not symmetric - measured: 0.3 against 0.4 nats\n"


def test_a_claim_that_fails_raises():
    with pytest.raises(ck.ClaimError, match="H13: KL is symmetric - does not hold: 0.3 against 0.4"):
        ck.claim("H13", "KL is symmetric", torch.tensor(False), "0.3 against 0.4")
    with pytest.raises(ValueError, match="verdict must be .* was 'maybe'"):
        ck.claim("H13", "", True, "", verdict="maybe")


def test_a_claim_leaves_its_record_in_a_notebook(monkeypatch):
    """In IPython the output carries the record under its own MIME type, beside the line of text."""
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    ck.claim("H13", "s", True, "e", verdict="qualified")
    record = {"id": "H13", "statement": "s", "evidence": "e", "verdict": "qualified"}
    assert shown == [{"text/plain": "H13 qualified: s - measured: e", "application/vnd.coursekit.claim+json": record}]


def test_an_identity_compares_number_by_number(capsys):
    ck.identity("eq-a", 2.0, 2.0)
    ck.identity("eq-b", torch.ones(3), torch.ones(3) + 1e-7)
    assert capsys.readouterr().out.splitlines() == [
        "eq-a: left 2, right 2; equal within 1e-06 + 1e-05 |right|",
        "eq-b: both sides agree at 3 points, within 1e-06 + 1e-05 |right|",
    ]
    with pytest.raises(ck.IdentityError, match="eq-c: 1 of 3 values differ, by up to 0.1"):
        ck.identity("eq-c", torch.ones(3), torch.tensor([1.0, 1.1, 1.0]))
    with pytest.raises(ck.IdentityError, match=r"left has shape \(3,\), right \(1, 3\)"):
        ck.identity("eq-d", torch.ones(3), torch.ones(1, 3))
    with pytest.raises(ck.IdentityError):
        ck.identity("eq-e", float("nan"), float("nan"))


MISTAKES = {"you averaged over the pixels: this is a beta of 784": lambda: torch.tensor([-1.0, -2.0])}
RIGHT = torch.tensor([-784.0, -1568.0])


def boom():
    raise KeyError("z")


def unfinished():
    raise NotImplementedError


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (RIGHT, "right"),
        (lambda: RIGHT.double(), "right"),
        (torch.tensor([-1.0, -2.0]), "not yet: you averaged over the pixels: this is a beta of 784"),
        (-RIGHT, "not yet: the sign is turned round"),
        (RIGHT.sum(), "not yet: your answer has shape (); it must be (2,)"),
        (RIGHT * float("nan"), "not yet: your answer contains nan"),
        (RIGHT * float("inf"), "not yet: your answer overflows to infinity"),
        (RIGHT + 1, "not yet: it differs from the right answer by up to 1"),
        (lambda: None, "not yet: your answer is None; does your function end without a `return`?"),
        ("a string", "not yet: your answer is a str; it must be a tensor or a number"),
        (unfinished, "not yet: there is no answer here so far"),
        (boom, "not yet: your code raised KeyError: 'z'"),
    ],
)
def test_check_says_right_or_names_the_mistake(capsys, answer, message):
    ck.check("q1", answer, RIGHT, MISTAKES)
    assert capsys.readouterr().out == f"q1: {message}\n"


def test_a_mistake_that_gives_the_right_value_is_no_mistake(capsys):
    ck.check("q1", 1.0, 1.0, {"you forgot the square": 1.0})
    assert capsys.readouterr().out == "q1: right\n"


def test_a_mistake_may_be_nan_or_too_little_precision(capsys):
    ck.check("q1", math.nan, 1.0, {"0 times infinity": math.nan})
    ck.check("q2", torch.ones(2), torch.ones(2, dtype=torch.float64))
    ck.check("q3", torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    assert capsys.readouterr().out.splitlines() == [
        "q1: not yet: 0 times infinity",
        "q2: not yet: your answer is in float32; it must be in float64",
        "q3: right",
    ]


def test_show_prints_the_source_that_runs(capsys):
    ck.show(ck.autoencoders.VAE.elbo)
    printed = capsys.readouterr().out
    assert printed.startswith("# coursekit/autoencoders/vae.py\ndef elbo(self")
    assert "return expected_log_likelihood - kl" in printed
    with pytest.raises(TypeError, match="has no Python source"):
        ck.show(3)


def test_what_is_shown_runs_alike_with_short_docstrings(capsys):
    import ast
    import inspect
    import textwrap

    def code(source: str) -> str:
        tree = ast.parse(textwrap.dedent(source))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
                del node.body[0]
        return ast.unparse(tree)

    for thing in (ck.autoencoders.VAE, ck.fit, ck.evaluation.frechet_distance, ck.show):
        source = inspect.getsource(thing)
        ck.show(thing)
        printed = capsys.readouterr().out
        assert code(printed) == code(source)
        assert len(printed) < len(source) and ".. math::" not in printed
        summary = ast.get_docstring(ast.parse(printed).body[0])
        assert summary == ast.get_docstring(ast.parse(textwrap.dedent(source)).body[0]).split("\n\n")[0]
    ck.show(lambda: None)
    assert "ck.show(lambda: None)" in capsys.readouterr().out


def test_an_image_grid_places_every_image():
    images = torch.arange(7.0).view(7, 1, 1, 1).expand(7, 1, 4, 4) / 10
    figure = ck.plot.images(images, columns=3, labels=["a", "b", "c"])
    drawn = figure.axes[0].images[0].get_array()
    assert drawn.shape == (3 * 6 - 2, 3 * 6 - 2)
    for i in range(7):
        top, left = i // 3 * 6, i % 3 * 6
        assert (abs(drawn[top : top + 4, left : left + 4] - i / 10) < 1e-6).all()
    with pytest.raises(ValueError, match="labels must name the 3 rows, has 2"):
        ck.plot.images(images, columns=3, labels=["a", "b"])


def test_a_latent_plot_shows_every_code():
    codes, labels = torch.randn(50, 2), torch.arange(50) % 10
    axes = ck.plot.latent(codes, labels).axes[0]
    assert sum(len(collection.get_offsets()) for collection in axes.collections) == 50
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [str(i) for i in range(10)]
    for collection in axes.collections:  # contrast with white, as WCAG defines it
        *channels, opacity = collection.get_facecolor()[0]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
        assert opacity == 1 and 1.05 / (luminance + 0.05) >= 3
    with pytest.raises(ValueError, match=r"codes must have shape \(N, 2\), had \(50, 3\)"):
        ck.plot.latent(torch.randn(50, 3), labels)


def test_check_measures_the_distance_where_the_right_answer_is_infinite(capsys):
    right = torch.tensor([-torch.inf, 1.0])
    ck.check("q1", torch.tensor([-torch.inf, 3.0]), right)
    ck.check("q1", torch.tensor([0.0, 1.0]), right)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "q1: not yet: it differs from the right answer by up to 2",
        "q1: not yet: it differs from the right answer by up to inf",
    ]

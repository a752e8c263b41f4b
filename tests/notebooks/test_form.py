"""Each rule of the chapter form finds the mistake that it is there for, in a chapter that is right but for that."""

import copy

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks import form
from tools.execute import SETUP, STATE, VIEW, address

PICTURE = {
    "mystnb": {
        "image": {"alt": "A curve that rises from left to right."},
        "figure": {"caption": "The curve rises with x.", "name": "fig-curve"},
    }
}


def ran(source, *outputs, **metadata):
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def shown(**data):
    return new_output("display_data", {kind.replace("__", "/"): value for kind, value in data.items()})


@pytest.fixture
def chapter(tmp_path):
    """A chapter without a fault."""
    (tmp_path / "book" / "family").mkdir(parents=True)
    (tmp_path / "exercises" / "family").mkdir(parents=True)
    (tmp_path / "exercises" / "family" / "one.ipynb").write_text("{}")
    (tmp_path / "book" / "lecture_map.yml").write_text("- {id: H1}\n- {id: H13}\n")
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nSource = "https://github.com/a/b"\n')
    figures = tmp_path / "coursekit" / "figures"
    figures.mkdir(parents=True)
    (figures / "library.js").write_text("const lib = 1;")
    (figures / "curve.js").write_text("const draw = 2;")
    record = {"id": "H13", "statement": "it is so", "evidence": "measured 1.0", "verdict": "holds"}
    cells = [
        new_markdown_cell("# Title\n\n## What you will be able to do\n\n- Say why.\n"),
        ran(SETUP.format(address=address(tmp_path)).rstrip(), tags=["remove-cell"]),
        new_markdown_cell("*Measured on one CPU core, no GPU: 41 s, 0.9 GB.*", metadata={"tags": ["measured"]}),
        new_markdown_cell("## The idea in one picture\n\nHere $a<b$ and `<b>`.\n\n$$\na = b\n$$ (eq-same)\n"),
        ran("import torch\n\nimport coursekit as ck"),
        ran('ck.identity("eq-same", 1.0, 1.0)', new_output("stream", text="eq-same: 1.0 = 1.0\n")),
        ran("plt.show()", shown(image__png="AAAA", text__plain="<Figure>"), **PICTURE),
        ran("ck.show(ck.fit)", shown(text__markdown="```python\n```")),
        ran(
            "ck.figures.Curve()",
            new_output("display_data", {VIEW: {"model_id": "m1"}, "text/plain": "Curve"}),
            coursekit={"live": "A curve with a point to drag along it."},
        ),
        new_markdown_cell("Drag the point."),
        new_markdown_cell("## What goes wrong\n\n### A large step"),
        ran("1 + 1", new_output("execute_result", {"text/plain": "2"}, execution_count=1)),
        new_markdown_cell("## Claimed and measured"),
        ran(
            'ck.claim("H13", "it is so", True, "measured 1.0")',
            new_output("display_data", {form.CLAIM: record, "text/plain": "H13"}),
        ),
        new_markdown_cell("## Exercises\n\n[One](../../exercises/family/one.ipynb)"),
        new_markdown_cell("## Further reading\n\n<https://example.org>"),
    ]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    figure = {"_esm": "const lib = 1;\nconst draw = 2;", "_anywidget_id": "coursekit.figures.curve.Curve"}
    notebook = new_notebook(cells=cells)
    notebook.metadata["coursekit"] = {"ids": {"taught": ["H1"], "claimed": ["H13"]}, "minutes": 45}
    notebook.metadata["widgets"] = {STATE: {"state": {"m1": {"state": figure}}}}
    return form.Chapter(copy.deepcopy(notebook), tmp_path / "book" / "family" / "title.ipynb", tmp_path)


@pytest.mark.parametrize("rule", form.RULES, ids=lambda rule: rule.__name__)
def test_a_right_chapter_breaks_no_rule(chapter, rule):
    assert rule(chapter) == []


def swap(cell, old, new):
    def change(chapter):
        assert old in chapter.cells[cell].source
        chapter.cells[cell].source = chapter.cells[cell].source.replace(old, new)

    return change


def drop(cell):
    return lambda chapter: chapter.cells.pop(cell)


def metadata(**entries):
    return lambda chapter: chapter.notebook.metadata["coursekit"].update(entries)


def ids(taught, claimed):
    return metadata(ids={"taught": taught, "claimed": claimed})


def cell_metadata(cell, **entries):
    return lambda chapter: chapter.cells[cell].metadata.update(entries)


def output(cell, new):
    return lambda chapter: chapter.cells[cell].outputs.append(new)


MISTAKES = [
    ("begins_with_title_and_aims", swap(0, "# Title", "Title")),
    ("begins_with_title_and_aims", swap(0, "What you will be able to do", "Aims")),
    ("begins_with_title_and_aims", swap(0, "- Say", "Say")),
    ("begins_with_title_and_aims", drop(0)),
    ("sets_itself_up", swap(1, "-q", "-qq")),
    ("sets_itself_up", cell_metadata(1, tags=[])),
    ("sets_itself_up", drop(1)),
    ("says_what_it_costs", swap(2, "*Measured on one CPU core, no GPU: 41 s, 0.9 GB.*", "*Not measured yet.*")),
    ("says_what_it_costs", swap(2, "41 s", "91 s")),
    ("says_what_it_costs", swap(2, "0.9", "1.6")),
    ("says_what_it_costs", cell_metadata(2, tags=[])),
    ("imports_first", swap(4, "import coursekit as ck", "import coursekit")),
    ("has_its_sections_in_order", swap(3, "## The idea in one picture", "## The idea")),
    ("has_its_sections_in_order", swap(14, "## Exercises", "## Further reading")),
    ("has_its_sections_in_order", lambda chapter: chapter.cells.append(chapter.cells.pop(12))),
    ("nests_its_headings", swap(10, "###", "####")),
    ("nests_its_headings", swap(10, "###", "#")),
    ("names_its_topics", ids([], [])),
    ("names_its_topics", ids(["H99"], ["H13"])),
    ("names_its_topics", ids(["H13"], ["H13"])),
    ("names_its_topics", metadata(minutes=5)),
    ("names_its_topics", lambda chapter: chapter.notebook.metadata.pop("coursekit")),
    ("claims_what_it_names", ids(["H13"], ["H1"])),
    ("claims_what_it_names", ids(["H1", "H13"], [])),
    ("claims_what_it_names", lambda chapter: chapter.cells[13].outputs.clear()),
    ("checks_its_equations", drop(5)),
    ("checks_its_equations", swap(5, "eq-same", "eq-other")),
    ("checks_its_equations", lambda chapter: chapter.cells.insert(12, chapter.cells.pop(5))),
    ("checks_its_equations", lambda chapter: chapter.cells.insert(3, chapter.cells.pop(5))),
    ("checks_its_equations", lambda chapter: chapter.cells.insert(4, copy.deepcopy(chapter.cells[3]))),
    ("shows_real_code", drop(7)),
    ("lives", drop(8)),
    ("lives", cell_metadata(8, coursekit={})),
    ("lives", drop(9)),
    ("lives", lambda chapter: chapter.notebook.metadata.pop("widgets")),
    ("lives", lambda chapter: (chapter.root / "coursekit/figures/curve.js").write_text("const draw = 3;")),
    ("describes_its_pictures", cell_metadata(6, mystnb={"image": {"alt": ""}, "figure": PICTURE["mystnb"]["figure"]})),
    ("describes_its_pictures", cell_metadata(6, mystnb={"image": PICTURE["mystnb"]["image"]})),
    ("describes_its_pictures", output(6, shown(image__png="BBBB"))),
    ("describes_its_pictures", swap(9, "Drag", "![](a.png) Drag")),
    ("describes_its_pictures", swap(9, "Drag", ":::{figure} a.png\nA caption.\n:::\nDrag")),
    ("shows_a_failure", drop(11)),
    ("links_an_exercise", swap(14, "../../exercises/family/one.ipynb", "https://example.org")),
    ("links_an_exercise", swap(14, "one.ipynb", "two.ipynb")),
    ("uses_no_html", swap(9, "Drag", "<b>Drag</b>")),
    ("uses_no_html", swap(9, "Drag", '<img src="a.png">')),
    ("uses_no_html", swap(9, "Drag", "<!-- later -->")),
    ("fits_a_screen", swap(11, "1 + 1", "1 + 1\n" * 41)),
    ("fits_a_screen", output(6, shown(text__plain="x" * 1_500_000))),
    ("has_run_cleanly", output(11, new_output("error", ename="ValueError", evalue="no", traceback=[]))),
    ("has_run_cleanly", output(11, new_output("stream", name="stderr", text="UserWarning"))),
    ("has_run_cleanly", lambda chapter: chapter.cells[11].update(execution_count=None)),
]


@pytest.mark.parametrize(("rule", "mistake"), MISTAKES, ids=[f"{i}-{rule}" for i, (rule, _) in enumerate(MISTAKES)])
def test_a_rule_finds_its_mistake(chapter, rule, mistake):
    mistake(chapter)
    assert getattr(form, rule)(chapter)


def test_every_rule_is_tested():
    assert {rule for rule, _ in MISTAKES} == {rule.__name__ for rule in form.RULES}

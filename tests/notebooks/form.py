"""The form of a chapter, as rules. Each takes a `Chapter` and returns what is wrong with it, in sentences.

CONTRIBUTING.md says the same in prose. A rule is tested on a chapter that breaks it (test_form.py) and applied to every
notebook under book/ (test_chapter_form.py).
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import yaml

from tools.execute import MEASURED, SETUP, STATE, VIEW, address

ROOT = Path(__file__).resolve().parents[2]
CLAIM = "application/vnd.coursekit.claim+json"
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
LINES_AT_MOST = 40
BYTES_AT_MOST = 1_500_000
MINUTES = range(30, 61)
AIMS = "What you will be able to do"
SECTIONS = [AIMS, "The idea in one picture", "What goes wrong", "Claimed and measured", "Exercises", "Further reading"]

Cell = Any  # a notebook cell: nbformat has no types


@dataclass
class Chapter:
    """A notebook with the questions that the rules ask of it."""

    notebook: Any
    path: Path
    root: Path = ROOT

    @classmethod
    def read(cls, path: Path) -> "Chapter":
        """The chapter in a file."""
        return cls(nbformat.read(path, as_version=4), path)

    @property
    def cells(self) -> list[Cell]:
        """All cells."""
        return self.notebook.cells

    @property
    def code(self) -> list[tuple[int, Cell]]:
        """The code cells with their numbers."""
        return [(i, cell) for i, cell in enumerate(self.cells) if cell.cell_type == "code"]

    @property
    def markdown(self) -> list[tuple[int, Cell]]:
        """The markdown cells with their numbers."""
        return [(i, cell) for i, cell in enumerate(self.cells) if cell.cell_type == "markdown"]

    @cached_property
    def headings(self) -> list[tuple[int, int, str]]:
        """(cell number, level, text) of every heading."""
        found = []
        for i, cell in self.markdown:
            for match in re.finditer(r"^(#{1,6}) +(.+?) *#* *$", without_fences(cell.source), re.MULTILINE):
                found.append((i, len(match[1]), match[2]))
        return found

    def section(self, title: str) -> list[tuple[int, Cell]]:
        """The cells of a `##` section, its heading's cell included; none where there is no such section."""
        starts = [i for i, level, text in self.headings if level == 2 and text == title]
        if not starts:
            return []
        return [(i, cell) for i, cell in enumerate(self.cells) if starts[0] <= i < self.end_of_section(starts[0])]

    def end_of_section(self, number: int) -> int:
        """The number of the first later cell that begins another `##` section."""
        return min((i for i, level, _ in self.headings if level == 2 and i > number), default=len(self.cells))

    @property
    def ids(self) -> dict[str, list[str]]:
        """The lecture map's ids in the metadata: taught and claimed."""
        ids = self.notebook.metadata.get("coursekit", {}).get("ids", {})
        return {kind: list(ids.get(kind, [])) for kind in ("taught", "claimed")}

    @property
    def records(self) -> list[dict[str, str]]:
        """What `ck.claim` left in the stored outputs."""
        outputs = (output for _, cell in self.code for output in cell.outputs)
        return [output.data[CLAIM] for output in outputs if CLAIM in output.get("data", {})]

    def calls(self, name: str) -> Iterator[tuple[int, ast.Call]]:
        """Every call of a function by its dotted name, with the number of its cell."""
        for i, cell in self.code:
            try:
                tree = ast.parse(cell.source)
            except SyntaxError:
                continue  # a magic: no rule looks into it
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                    yield i, node

    def first_arguments(self, name: str) -> list[tuple[int, Any]]:
        """The first argument of every such call, where it is written out."""
        calls = ((i, call.args[0]) for i, call in self.calls(name) if call.args)
        return [(i, argument.value) for i, argument in calls if isinstance(argument, ast.Constant)]


def without_fences(text: str) -> str:
    """Markdown without fenced code; the text inside ::: fences stays."""
    return re.sub(r"^(```+|~~~+).*?^\1[ \t]*$", "", text, flags=re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """Markdown without code and mathematics."""
    text = without_fences(text)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    text = re.sub(r"(`+).+?\1", "", text, flags=re.DOTALL)
    return re.sub(r"(?<!\\)\$[^$]+(?<!\\)\$", "", text)


def labels(text: str) -> list[str]:
    """The labels of the equations in a markdown text."""
    return re.findall(r"(?:\$\$[ \t]*\(|^:label: *)(eq-[\w-]+)", text, re.MULTILINE)


def lecture_map(root: Path = ROOT) -> set[str]:
    """All ids of the lecture map."""
    return {row["id"] for row in yaml.safe_load((root / "book" / "lecture_map.yml").read_text(encoding="utf-8"))}


# --- rules -------------------------------------------------------------------------------------------------------


def begins_with_title_and_aims(chapter: Chapter) -> list[str]:
    """The first cell has the title and a list of aims."""
    first = chapter.cells[0] if chapter.cells else None
    if first is None or first.cell_type != "markdown" or not re.match(r"# \S", first.source):
        return ["the first cell must be markdown and begin with `# Title`"]
    match = re.search(rf"^## {AIMS}\s*$(.*)", first.source, re.MULTILINE | re.DOTALL)
    if match is None:
        return [f"the first cell must have the section `## {AIMS}`"]
    return [] if re.search(r"^\s*[-*] \S", match[1], re.MULTILINE) else ["the aims must be a list"]


def sets_itself_up(chapter: Chapter) -> list[str]:
    """The second cell installs coursekit where it is missing, with the same words everywhere."""
    if len(chapter.cells) < 2 or chapter.cells[1].cell_type != "code":
        return ["the second cell must be the set-up code"]
    cell, problems = chapter.cells[1], []
    if cell.source.strip() != SETUP.format(address=address(chapter.root)).strip():
        problems.append(f"the set-up cell must read:\n{SETUP.format(address=address(chapter.root))}")
    if "remove-cell" not in cell.metadata.get("tags", []):
        problems.append("the set-up cell must have the tag remove-cell")
    return problems


def says_what_it_costs(chapter: Chapter) -> list[str]:
    """The third cell states the measured time and memory."""
    if len(chapter.cells) < 3 or "measured" not in chapter.cells[2].metadata.get("tags", []):
        return ["the third cell must be markdown with the tag `measured`"]
    match = MEASURED.match(chapter.cells[2].source.strip())
    if match is None:
        return ["time and memory are not measured yet: run `make execute NOTEBOOK=...`"]
    problems = [] if float(match[1]) <= 90 else [f"it took {match[1]} s, at most 90 are allowed"]
    return problems + ([] if float(match[2]) <= 1.5 else [f"it took {match[2]} GB, at most 1.5 are allowed"])


def imports_first(chapter: Chapter) -> list[str]:
    """The first code that a reader sees imports coursekit."""
    visible = [cell for _, cell in chapter.code if "remove-cell" not in cell.metadata.get("tags", [])]
    if not visible or not re.search(r"^import coursekit as ck$", visible[0].source, re.MULTILINE):
        return ["the first visible code cell must have `import coursekit as ck`"]
    return []


def has_its_sections_in_order(chapter: Chapter) -> list[str]:
    """The fixed sections are there, in their order."""
    titles = [text for _, level, text in chapter.headings if level == 2]
    problems = [f"the section `## {title}` is missing" for title in SECTIONS if title not in titles]
    fixed = [title for title in titles if title in SECTIONS]
    if not problems and fixed != SECTIONS:
        problems.append(f"the sections must come once each, in this order: {', '.join(SECTIONS)}")
    return problems


def nests_its_headings(chapter: Chapter) -> list[str]:
    """One title, and no level left out."""
    problems, before = [], 0
    for i, level, text in chapter.headings:
        if level == 1 and before:
            problems.append(f"cell {i}: a second title `# {text}`")
        if level > before + 1:
            problems.append(f"cell {i}: `{'#' * level} {text}` skips a level")
        before = level
    return problems


def names_its_topics(chapter: Chapter) -> list[str]:
    """The metadata names ids of the lecture map, each taught or claimed, and the minutes that reading takes."""
    ids, problems = chapter.ids, []
    both = ids["taught"] + ids["claimed"]
    if not both:
        problems.append('the metadata must have {"coursekit": {"ids": {"taught": [...], "claimed": [...]}}}')
    problems += [f"{i} is not in book/lecture_map.yml" for i in both if i not in lecture_map(chapter.root)]
    problems += [f"{i} is named more than once" for i in sorted(set(both)) if both.count(i) > 1]
    minutes = chapter.notebook.metadata.get("coursekit", {}).get("minutes")
    if minutes not in MINUTES:
        problems.append(f"coursekit.minutes must be from {MINUTES.start} to {MINUTES.stop - 1}, was {minutes!r}")
    return problems


def claims_what_it_names(chapter: Chapter) -> list[str]:
    """Each claimed id has a `ck.claim` whose record is stored, and no other id has one."""
    called = {argument for _, argument in chapter.first_arguments("ck.claim")}
    stored = {record["id"] for record in chapter.records}
    claimed = set(chapter.ids["claimed"])
    problems = [f'{i} is claimed, but no cell has ck.claim("{i}", ...)' for i in sorted(claimed - called)]
    problems += [f'ck.claim("{i}", ...) has no stored record: run the notebook' for i in sorted(called - stored)]
    return problems + [f"{i} is measured, but not claimed in the metadata" for i in sorted((called | stored) - claimed)]


def checks_its_equations(chapter: Chapter) -> list[str]:
    """Each equation labelled `eq-` is checked by `ck.identity`, later in the same section."""
    checks = chapter.first_arguments("ck.identity")
    problems, known = [], set()
    for i, cell in chapter.markdown:
        for label in labels(cell.source):
            if label in known:
                problems.append(f"cell {i}: the label {label} is used twice")
            known.add(label)
            if not any(label == checked and i < j < chapter.end_of_section(i) for j, checked in checks):
                problems.append(f'cell {i}: no ck.identity("{label}", ...) follows in its section')
    return problems + [f"cell {i}: {label} labels no equation" for i, label in checks if label not in known]


def shows_real_code(chapter: Chapter) -> list[str]:
    """Essential lines come from the package by `ck.show`."""
    return [] if any(chapter.calls("ck.show")) else ["no cell shows the package's code with ck.show(...)"]


def lives(chapter: Chapter) -> list[str]:
    """There is a live figure; each has alt text, current code, and words below that say what to do."""
    problems, count = [], 0
    state = chapter.notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    for i, cell in chapter.code:
        views = [output.data[VIEW] for output in cell.outputs if VIEW in output.get("data", {})]
        figures = [state.get(view["model_id"], {}).get("state", {}) for view in views]
        figures = [figure for figure in figures if "_esm" in figure]
        if not figures:
            continue
        count += 1
        if len(str(cell.metadata.get("coursekit", {}).get("live", "")).split()) < 5:
            problems.append(f'cell {i}: the live figure needs metadata {{"coursekit": {{"live": "what is seen"}}}}')
        below = chapter.cells[i + 1] if i + 1 < len(chapter.cells) else None
        if below is None or below.cell_type != "markdown" or below.source.startswith("#"):
            problems.append(f"cell {i}: a line below the live figure must say what to do and what to see")
        for figure in figures:
            problems += [f"cell {i}: {problem}" for problem in outdated(figure, chapter.root)]
    return problems if count else [*problems, "there is no live figure with stored state: run the notebook"]


def outdated(figure: dict[str, Any], root: Path) -> list[str]:
    """Whether a stored figure's JavaScript is what the package has now."""
    module = str(figure.get("_anywidget_id", "")).rsplit(".", 1)[0]
    script = root / (module.replace(".", "/") + ".js")
    library = root / "coursekit" / "figures" / "library.js"
    if module.startswith("coursekit.figures.") and script.exists():
        sources = [path.read_text(encoding="utf-8") for path in (library, script)]
        if not all(source in figure["_esm"] for source in sources):
            return [f"the stored figure is older than {script.name} or library.js: run the notebook"]
    return []


def describes_its_pictures(chapter: Chapter) -> list[str]:
    """One picture a cell at most; each with alt text, a caption and a name; pictures in markdown with alt text."""
    problems = []
    for i, cell in chapter.code:
        count = sum(any(kind in output.get("data", {}) for kind in PICTURES) for output in cell.outputs)
        if count > 1:
            problems.append(f"cell {i}: {count} pictures, one a cell is allowed")
        if count:
            settings = cell.metadata.get("mystnb", {})
            alt, figure = settings.get("image", {}).get("alt", ""), settings.get("figure", {})
            if len(alt.split()) < 4:
                problems.append(f"cell {i}: mystnb.image.alt must say what is seen")
            if len(figure.get("caption", "").split()) < 4:
                problems.append(f"cell {i}: mystnb.figure.caption must say what to see in it")
            if not str(figure.get("name", "")).startswith("fig-"):
                problems.append(f"cell {i}: mystnb.figure.name must begin with fig-")
    for i, cell in chapter.markdown:
        text = without_fences(cell.source)
        problems += [f"cell {i}: a picture without alt text" for alt in re.findall(r"!\[(.*?)\]\(", text) if not alt]
        for block in re.findall(r"^:::+\{(?:figure|image)\}.*?^:::", text, re.MULTILINE | re.DOTALL):
            if not re.search(r"^:alt: *\S", block, re.MULTILINE):
                problems.append(f"cell {i}: a figure without :alt:")
    return problems


def shows_a_failure(chapter: Chapter) -> list[str]:
    """The section on what goes wrong runs something."""
    section = chapter.section("What goes wrong")
    return [] if any(cell.cell_type == "code" for _, cell in section) else ["`## What goes wrong` runs no code"]


def links_an_exercise(chapter: Chapter) -> list[str]:
    """The exercises' section links at least one exercise, and every link leads to a file."""
    text = "\n".join(cell.source for _, cell in chapter.section("Exercises"))
    links = re.findall(r"\]\(((?:\.\./)+exercises/[^)#\s]+)", text)
    if not links:
        return ["`## Exercises` links no notebook under ../../exercises/"]
    return [f"the exercise {link} does not exist" for link in links if not (chapter.path.parent / link).is_file()]


def uses_no_html(chapter: Chapter) -> list[str]:
    """No raw HTML: Colab and JupyterLab show it differently, or not at all."""
    problems = []
    for i, cell in chapter.markdown:
        for tag in re.findall(r"</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>|<!--", prose(cell.source)):
            problems.append(f"cell {i}: raw HTML {tag}")
    return problems


def fits_a_screen(chapter: Chapter) -> list[str]:
    """No cell is longer than a screen, and the file is small enough to load on a slow line."""
    lengths = [(i, len(cell.source.splitlines())) for i, cell in enumerate(chapter.cells)]
    problems = [f"cell {i}: {n} lines, at most {LINES_AT_MOST}" for i, n in lengths if n > LINES_AT_MOST]
    size = len(nbformat.writes(chapter.notebook).encode("utf-8"))
    return problems + ([f"{size:,} bytes, at most {BYTES_AT_MOST:,}"] if size > BYTES_AT_MOST else [])


def has_run_cleanly(chapter: Chapter) -> list[str]:
    """Every code cell has run, in order, without an error or a warning."""
    counts = [cell.execution_count for _, cell in chapter.code]
    in_order = counts == list(range(1, len(counts) + 1))
    problems = [] if in_order else ["not run from the top: run `make execute NOTEBOOK=...`"]
    for i, cell in chapter.code:
        for output in cell.outputs:
            if output.output_type == "error":
                problems.append(f"cell {i}: a stored error: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                problems.append(f"cell {i}: text on stderr: {output.text[:80]!r}")
    return problems


RULES: list[Callable[[Chapter], list[str]]] = [
    begins_with_title_and_aims,
    sets_itself_up,
    says_what_it_costs,
    imports_first,
    has_its_sections_in_order,
    nests_its_headings,
    names_its_topics,
    claims_what_it_names,
    checks_its_equations,
    shows_real_code,
    lives,
    describes_its_pictures,
    shows_a_failure,
    links_an_exercise,
    uses_no_html,
    fits_a_screen,
    has_run_cleanly,
]

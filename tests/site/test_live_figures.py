"""Every live figure on every page answers the mouse and the keyboard, without a kernel."""

from __future__ import annotations

import pytest

from tests.figures.waiting import redrawn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

# What a reader sees of a figure: text, drawing, pixels. Not the values of the controls, which change by themselves.
PICTURE = """(figure) => [
    figure.innerText,
    ...[...figure.querySelectorAll('svg')].map((svg) => svg.outerHTML),
    ...[...figure.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()),
].join('\\n')"""
INSIDE = "(figure) => figure.contains(document.activeElement)"
KIND = """() => { const e = document.activeElement;
    return e.getAttribute('role') === 'slider' ? 'slider' : e.type === 'range' ? 'slider' :
           e.tagName === 'SELECT' ? 'select' : 'button'; }"""
KEYS = {"slider": ["ArrowRight", "ArrowUp", "ArrowLeft"], "select": ["ArrowDown", "ArrowUp"], "button": ["Enter", " "]}
PLACES = """(figure) => [...figure.querySelectorAll('[role=slider], input, button, select')].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width && box.height && !element.disabled && element.tagName !== 'SELECT';
}).map((element) => (element.scrollIntoView({ block: 'center' }), element)).map((element, index) => {
    element.dataset.testPlace = index;
    return { index, kind: element.type === 'range' ? 'range' : element.getAttribute('role') ?? 'button' };
})"""


@pytest.fixture(scope="module")
def complaints(visits, visit) -> dict[str, list[str]]:
    """What each figure of the site answers to the keyboard and then to the mouse."""
    found: dict[str, list[str]] = {name: [] for name in ACTS} | {"problems": []}
    for path in sorted({record.page for record in visits if record.seen["figures"]}):
        page, record = visit(path)
        for number, figure in enumerate(page.query_selector_all(".coursekit-figure")):
            figure.scroll_into_view_if_needed()
            redrawn(page)
            for name, act in ACTS.items():
                if complaint := act(page, figure):
                    found[name].append(f"{path}, figure {number}: {complaint}")
        found["problems"] += [f"{path}: {problem}" for problem in record.problems + record.foreign]
        page.close()
    return found


@pytest.mark.parametrize("name", ["keyboard", "mouse", "problems"])
def test_every_figure_answers(complaints, name):
    assert complaints[name] == []


def _use_keyboard(page, figure) -> str | None:
    """Tab into the figure, press on each control the keys for its kind: some key must change the picture."""
    figure.evaluate("(figure) => { figure.tabIndex = -1; figure.focus(); }")
    reached = 0
    for _ in range(40):
        page.keyboard.press("Tab")
        if not figure.evaluate(INSIDE):
            break
        reached += 1
        redrawn(page)
        before = figure.evaluate(PICTURE)
        for key in KEYS[page.evaluate(KIND)]:
            page.keyboard.press(key)
            redrawn(page)
            if figure.evaluate(PICTURE) != before:
                return None
    return f"{reached} controls reached by Tab, and no key changes the picture"


def _use_mouse(page, figure) -> str | None:
    """Drag each handle, set each range, click each button: something must change the picture."""
    places = figure.evaluate(PLACES)
    for place in places:
        control = figure.query_selector(f'[data-test-place="{place["index"]}"]')
        control.scroll_into_view_if_needed()
        before = figure.evaluate(PICTURE)
        box = control.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        if place["kind"] == "range":
            page.mouse.click(box["x"] + 0.8 * box["width"], y)
            redrawn(page)
            page.mouse.click(box["x"] + 0.2 * box["width"], y)
        elif place["kind"] == "slider":
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + 25, y - 15, steps=4)
            page.mouse.up()
        else:
            page.mouse.click(x, y)
        redrawn(page)
        if figure.evaluate(PICTURE) != before:
            return None
    return f"{len(places)} controls, and none changes the picture"


ACTS = {"keyboard": _use_keyboard, "mouse": _use_mouse}

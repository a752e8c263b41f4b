"""The static page's runtime (book/assets/live.js) and the library's controls in a browser."""

import json

import ipywidgets
import nbformat
import pytest
import torch
from nbclient import NotebookClient

import coursekit.figures as figures
from coursekit.figures.base import LiveFigure, NetworkFigure, compose
from tests.figures.waiting import place, redrawn, until

SCRIPT = """
const functions = {};
function render({ model, el }) {
  const controls = lib.row(el);
  const out = lib.readout(el, { label: "state" });
  const say = (text) => out.set(text);
  say("ready");
  lib.slider(controls, { label: "knob", min: 0, max: 10, step: 1, value: 5, input: (v) => say(`knob ${v}`) });
  lib.button(controls, { label: "press", click: () => say("pressed") });
  lib.select(controls, { label: "kind", options: { a: "first", b: "second" }, change: (v) => say(`kind ${v}`) });
  lib.checkbox(controls, { label: "noise", change: (v) => say(`noise ${v}`) });
  let steps = 0;
  const player = lib.player(controls, { step: () => { say(`step ${++steps}`); return steps % 5 !== 0; } });
  const chart = lib.chart(el, { x: [-2, 2], y: [-1, 1], xLabel: "z1", yLabel: "z2", equal: true, label: "plane" });
  const heat = chart.heatmap();
  heat.set(Float32Array.from([0, 0, 0, 1]), 2, 2);
  chart.points({ colour: "green", name: "codes" }).set([-1, 1], [0.5, -0.5]);
  chart.custom((layer, { px, py }) => layer.append(lib.svg("circle", { cx: px(0), cy: py(0), r: 4, class: "origin" })));
  const dot = chart.handle({ label: "code", axis: "both", x: 0, y: 0, step: 0.1,
    moved: (x, y) => say(`${x.toFixed(1)} ${y.toFixed(1)}`) });
  const weights = lib.unpackWeights(model);
  const shown = lib.pictures(el, { label: "a picture", columns: 2, width: 2, height: 2, scale: 20 });
  shown.draw(weights.image.data, 1);
}
"""


class Controls(NetworkFigure):
    """Every control of the library at once."""

    description = "Every control of the library at once, for tests."
    _esm = compose(SCRIPT)
    _css = str(figures.GaussianDivergences._css)


class Broken(LiveFigure):
    """A figure whose script fails."""

    _esm = "export default { render() { throw new Error('the drawing failed'); } };"


@pytest.fixture
def page(show):
    return show(Controls({"image": torch.tensor([[0.0, 1.0], [0.5, 0.25]])}))


def state(page):
    redrawn(page)
    return page.locator(".ck-readout strong").inner_text()


def test_native_controls(page):
    page.get_by_role("slider", name="knob").focus()
    page.keyboard.press("ArrowRight")
    assert state(page) == "knob 6"
    page.get_by_role("button", name="press").press("Enter")
    assert state(page) == "pressed"
    page.get_by_label("kind").select_option("b")
    assert state(page) == "kind b"
    page.get_by_label("noise").press("Space")
    assert state(page) == "noise true"
    assert page.problems == []


def test_player_steps_runs_and_stops(page):
    page.get_by_role("button", name="One step").click()
    assert state(page) == "step 1"
    page.get_by_role("button", name="Run").click()
    until(page, page.get_by_role("button", name="Run").is_visible)
    assert state(page) == "step 5"  # step() returned false
    assert page.problems == []


def test_a_handle_in_the_plane(page):
    handle = page.get_by_role("slider", name="code")
    handle.focus()
    for key in ("ArrowRight", "Shift+ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    assert state(page) == "0.1 0.9"
    assert handle.get_attribute("aria-valuetext") == "0.10, 0.90"
    box = place(page, handle)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(890, 890, steps=3)
    page.mouse.up()
    assert state(page) == "2.0 -1.0"  # held inside the bounds
    assert page.problems == []


def test_a_finger_drags_a_handle(show):
    page = show(figures.GaussianDivergences(), width=360, has_touch=True, is_mobile=True)
    page.set_viewport_size({"width": 360, "height": 500})  # so that the page could scroll
    handle = page.get_by_role("slider", name="mean of Q")
    redrawn(page)
    box = place(page, handle)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    touch = lambda kind, points: session.send(  # noqa: E731
        "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [dict(x=px, y=py) for px, py in points]}
    )
    touch("touchStart", [(x, y)])
    for shift in (10, 20, 30, 40, 50):
        touch("touchMove", [(x - shift, y - 2 * shift)])
    touch("touchEnd", [])
    assert float(handle.get_attribute("aria-valuenow")) < 0.5
    assert page.evaluate("scrollY") == 0
    assert page.problems == []


def test_heat_map_and_pictures(page, picture):
    read = "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data]"
    heat = page.locator(".ck-chart canvas")
    assert heat.evaluate(read, [1, 0])[3] > 200  # the last value: last column, top row
    assert heat.evaluate(read, [0, 1])[3] == 0
    image = page.locator("canvas.ck-pictures")
    assert [image.evaluate(read, at)[0] for at in ([3, 0], [4, 0], [3, 1], [4, 1])] == [0, 255, 128, 64]
    assert page.locator(".origin").count() == 1
    picture(page, "controls")


def test_colours_follow_the_theme(page):
    read = "canvas => [...canvas.getContext('2d').getImageData(1, 0, 1, 1).data]"
    before = page.locator(".ck-chart canvas").evaluate(read)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    redrawn(page)
    assert page.locator(".ck-chart canvas").evaluate(read) != before
    surface = "getComputedStyle(document.querySelector('.coursekit-figure')).backgroundColor"
    assert page.evaluate(surface) == "rgb(18, 20, 23)"
    page.evaluate("delete document.documentElement.dataset.theme; document.body.dataset.jpThemeLight = 'false'")
    redrawn(page)
    assert page.evaluate(surface) == "rgb(18, 20, 23)"
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    assert page.evaluate(surface) == "rgb(255, 255, 255)"


def test_the_site_in_light_mode_stays_light_where_the_system_is_dark(show, stored_page):
    text = stored_page(figures.GaussianDivergences()).replace("<html", '<html data-theme="light"')
    page = show(text=text, dark=True)
    surface = "getComputedStyle(document.querySelector('.coursekit-figure')).backgroundColor"
    assert page.evaluate(surface) == "rgb(255, 255, 255)"


def test_paper_is_light_and_has_nothing_to_press(show):
    page = show(Controls({"image": torch.tensor([[0.0, 1.0], [0.5, 0.25]])}), dark=True)
    heat = "canvas => [...canvas.getContext('2d').getImageData(1, 0, 1, 1).data]"
    dark = page.locator(".ck-chart canvas").evaluate(heat)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".ck-chart canvas").evaluate(heat) != dark
    assert page.evaluate("getComputedStyle(document.querySelector('.coursekit-figure')).color") == "rgb(27, 31, 36)"
    assert not page.get_by_role("button", name="press").is_visible()
    assert page.get_by_role("combobox", name="kind").is_visible()  # what is chosen stays on the paper


def test_a_chart_follows_the_width_of_the_page(page):
    wide = place(page, page.locator(".ck-chart > .ck-plot > svg"))["width"]
    page.set_viewport_size({"width": 360, "height": 800})
    redrawn(page)
    assert place(page, page.locator(".ck-chart > .ck-plot > svg"))["width"] < min(wide, 360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_accessibility(page):
    from axe_playwright_python.sync_playwright import Axe

    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
        assert results.violations_count == 0, results.generate_report()


def test_two_views_of_one_figure_share_its_state(show):
    figure = figures.GaussianDivergences()
    page = show(figure, figure)
    assert page.locator(".coursekit-figure").count() == 2
    handles = page.get_by_role("slider", name="mean of Q")
    handles.first.focus()
    page.keyboard.press("End")
    redrawn(page)
    assert handles.last.get_attribute("aria-valuenow") == "6"


def test_a_core_control_says_that_it_needs_a_kernel(show):
    page = show(ipywidgets.IntSlider(), figures.GaussianDivergences())
    message = page.locator(".live-figure-message").inner_text()
    assert message == "This control needs a running kernel: open the chapter in Colab or JupyterLab."
    assert page.locator(".coursekit-figure").count() == 1
    assert page.problems == []


def test_a_failure_is_shown_and_reported_and_spares_the_others(show):
    page = show(Broken(), figures.GaussianDivergences())
    page.wait_for_selector(".coursekit-figure")
    assert page.locator(".live-figure-message").inner_text() == (
        "This live figure could not be shown: the drawing failed"
    )
    assert any("the drawing failed" in problem for problem in page.problems)


def test_a_view_without_state_is_an_error_in_the_page(show):
    view = '<script type="application/vnd.jupyter.widget-view+json">{"model_id": "gone"}</script>'
    page = show(text=f'<html lang="en"><body>{view}<script type="module" src="live.js"></script></body></html>')
    assert "holds no state for the widget gone" in page.locator(".live-figure-message").inner_text()
    assert any("holds no state" in problem for problem in page.problems)


def test_an_executed_notebook_shows_its_figure(show):
    """What `make execute` stores is what the page reads: state, binary weights and all."""
    code = (
        "import torch, traitlets\n"
        "from coursekit.figures.base import NetworkFigure, compose\n"
        f"class Stored(NetworkFigure):\n    _esm = compose({SCRIPT!r})\n"
        "Stored({'image': torch.tensor([[0.0, 1.0], [0.5, 0.25]])})"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]
    view = notebook.cells[0].outputs[-1].data["application/vnd.jupyter.widget-view+json"]
    tag = '<script type="application/vnd.jupyter.widget-{}+json">{}</script>'
    text = (
        '<!doctype html><html lang="en"><body>' + tag.format("view", json.dumps(view))
        + tag.format("state", json.dumps(widgets).replace("</", "<\\/"))
        + '<script type="module" src="live.js"></script></body></html>'
    )  # fmt: skip
    page = show(text=text)
    pixel = page.locator("canvas.ck-pictures").evaluate("c => c.getContext('2d').getImageData(4, 0, 1, 1).data[0]")
    assert pixel == 255

"""The receptive field's live figure: its fields against autograd's, its order against steps counted, its controls."""

from unittest.mock import patch

import pytest
import torch

import coursekit.figures as figures
from coursekit.autoregressive import DiagonalBiLSTM, PixelCNN, RasterLSTM, RowLSTM, pixelrnn
from tests.figures.waiting import place, redrawn

HEIGHT, WIDTH = 6, 9
PIXELS = [(5, 4), (3, 0), (4, 8), (2, 6), (0, 5), (0, 0)]
MODELS = {"row": RowLSTM, "diagonal": DiagonalBiLSTM, "pixelcnn": PixelCNN}


def model_of(kind, layers, first):
    if kind == "raster":
        return RasterLSTM((1, HEIGHT, WIDTH), 2, layers)
    return type(kind, (MODELS[kind],), {"first_size": first})((1, HEIGHT, WIDTH), 2, layers)


def seen_by_autograd(model, places):
    """For each place whether its logit changes with each pixel; with positive numbers, so that no two paths cancel."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.double().parameters():
            parameter.copy_(0.1 * torch.rand(parameter.shape, generator=generator))
    x = torch.rand(1, 1, HEIGHT, WIDTH, generator=generator, dtype=torch.float64).requires_grad_()
    logits = model.logits(x)
    gradients = (torch.autograd.grad(logits[0, 0, i, j], x, retain_graph=True)[0] for i, j in places)
    return [gradient.ne(0).int().flatten().tolist() for gradient in gradients]


def state(**changes):
    first = {"kind": "row", "layers": 1, "first": 3, "row": 5, "column": 4, "height": HEIGHT, "width": WIDTH}
    return first | changes


@pytest.fixture
def call(javascript):
    return javascript(figures.ReceptiveField)


@pytest.mark.parametrize("kind", ["raster", "row", "diagonal", "pixelcnn"])
@pytest.mark.parametrize(("layers", "first"), [(1, 3), (2, 3), (3, 7), (1, 7)])
def test_the_field_is_what_autograd_finds(call, kind, layers, first):
    states = [state(kind=kind, layers=layers, first=first, row=row, column=column) for row, column in PIXELS]
    fields = call("(states) => states.map(functions.field)", states)
    assert fields == seen_by_autograd(model_of(kind, layers, first), PIXELS)


@pytest.mark.parametrize("kind", ["row", "diagonal"])
def test_the_order_has_as_many_steps_as_the_package_takes(call, kind):
    model, x = model_of(kind, 1, 3), torch.zeros(1, 1, HEIGHT, WIDTH)
    with patch.object(pixelrnn, "lstm_step", wraps=pixelrnn.lstm_step) as step:
        model.logits(x)
    assert call("functions.duration", state(kind=kind)) == step.call_count


def test_the_orders_worked_out_by_hand(call):
    rows, columns = range(HEIGHT), range(WIDTH)
    assert call("functions.shown", state(kind="raster")) == [[i * WIDTH + j + 1 for i in rows for j in columns]]
    assert call("functions.shown", state(kind="row")) == [[i + 1 for i in rows for j in columns]]
    assert call("functions.shown", state(kind="pixelcnn")) == [[1] * (HEIGHT * WIDTH)]
    left = [i + j + 1 for i in rows for j in columns]
    right = [i + WIDTH + 1 - j for i in rows for j in columns]  # it begins in an empty column behind the last
    assert call("functions.shown", state(kind="diagonal")) == [left, right]
    assert call("functions.duration", state(kind="diagonal")) == HEIGHT + WIDTH


def test_what_is_counted(call):
    count = call("functions.count", state(kind="row", row=3, column=4))
    seen = sum(call("functions.field", state(kind="row", row=3, column=4)))
    assert count == {"seen": seen, "earlier": 31, "missed": 31 - seen}


def readouts(page):
    redrawn(page)
    return page.locator(".ck-readout strong").all_inner_texts()


def expected(call, **changes):
    count = call("functions.count", state(height=13, width=13, row=6, column=6) | changes)
    return [f"{count['seen']} of {count['earlier']} earlier pixels", str(count["missed"])]


def test_networks_layers_and_kernels(show, call):
    page = show(figures.ReceptiveField())
    assert readouts(page) == [*expected(call), "13"]
    crosses = page.locator("svg path")
    assert str(crosses.count()) == expected(call)[1]
    page.get_by_role("slider", name="layers").press("ArrowRight")
    assert readouts(page)[:2] == expected(call, layers=2)
    page.get_by_label("first convolution").select_option("7")
    assert readouts(page)[:2] == expected(call, layers=2, first=7)
    for kind, steps in (("diagonal", "26"), ("raster", "169"), ("pixelcnn", "1")):
        page.get_by_label("network", exact=True).select_option(kind)
        assert readouts(page) == [*expected(call, kind=kind, layers=2, first=7), steps]
    assert readouts(page)[0] != "84 of 84 earlier pixels"
    assert page.locator("tbody tr").nth(2).inner_text().split("\t") == ["Diagonal BiLSTM", "84 of 84", "26"]
    assert page.problems == []


def test_the_pixel_moves_by_keyboard_and_pointer(show, call):
    page = show(figures.ReceptiveField())
    pixel = page.get_by_role("slider", name="pixel to predict")
    pixel.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    assert readouts(page)[:2] == expected(call, row=4, column=5)
    assert pixel.get_attribute("aria-valuetext") == "row 5, column 6"
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    assert readouts(page)[:2] == expected(call, row=4, column=12)
    picture = page.locator("svg[aria-label^='The pixels']")
    box = place(page, picture)
    picture.click(position={"x": box["width"] * 2.5 / 13, "y": box["height"] * 8.5 / 13})
    redrawn(page)
    assert pixel.get_attribute("aria-valuetext") == "row 9, column 3"
    assert readouts(page)[:2] == expected(call, row=8, column=2)
    assert page.problems == []


def test_the_order_is_played_and_stepped(show):
    page = show(figures.ReceptiveField(kind="diagonal"))
    step = page.get_by_role("button", name="One step")
    for _ in range(3):
        step.click()
    assert readouts(page)[2] == "step 3 of 26"
    page.get_by_role("button", name="Back to the field").click()
    assert readouts(page)[2] == "26"
    page.get_by_label("network", exact=True).select_option("row")
    page.get_by_role("button", name="Play the order").click()
    page.wait_for_function("document.body.innerText.includes('step 13 of 13')", timeout=10_000)
    redrawn(page)
    assert page.get_by_role("button", name="Play the order").is_visible()  # it stops at the end
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(
        figures.ReceptiveField(step=9 if dark else 0, kind="diagonal" if dark else "row"), width=width, dark=dark
    )
    redrawn(page)
    picture(page, f"receptive_field-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

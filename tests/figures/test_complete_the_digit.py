"""Completing a digit in the browser: the packed network against torch, the drawing, the board and its keys."""

import itertools
import math

import pytest
import torch
from scipy.stats import chisquare

import coursekit.figures as figures
from coursekit.autoregressive import MADE
from coursekit.figures.complete_the_digit import packed
from tests.figures.waiting import place, redrawn, until

EVENT = (1, 14, 14)


def randomised(event, units, scale=0.3):
    model = MADE(event, (units,))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.fixture(scope="module")
def model():
    """Its 230 units do not share the 195 degrees evenly."""
    return randomised(EVENT, 230)


@pytest.fixture(scope="module")
def digits():
    generator = torch.Generator().manual_seed(1)
    return torch.bernoulli(torch.full((3, *EVENT), 0.3), generator=generator)


@pytest.fixture
def figure(model, digits):
    return figures.CompleteTheDigit(model, digits)


@pytest.fixture
def call(javascript):
    return javascript(figures.CompleteTheDigit)


def whole(x):
    return [int(value) for value in x.flatten()]


def test_logits_and_log_prob_equal_torch(call, model, digits):
    for x in digits:
        found = call("functions.conditionals", packed(model), whole(x))
        expected = model.logits(x.unsqueeze(0)).flatten()
        torch.testing.assert_close(torch.tensor(found["logits"]), expected, rtol=1e-4, atol=1e-4)
        assert found["logProb"] == pytest.approx(model.log_prob(x.unsqueeze(0)).item(), abs=1e-2)
        assert expected.std() > 0.5  # the test sees differences


def test_stored_weights_are_half_of_all_and_right_to_half_precision(call, model, digits, figure):
    assert len(figure.weights) < 1.05 * 2 * sum(p.numel() for p in model.parameters()) / 2
    numbers = torch.frombuffer(bytearray(figure.weights), dtype=torch.float16).float()
    sizes = [math.prod(shape) for _, shape in figure.layout_of_weights]
    parts = zip(figure.layout_of_weights, numbers.split(sizes), strict=True)
    stored = {name: part.reshape(shape) for (name, shape), part in parts}
    found = call("functions.conditionals", stored, whole(digits[0]))["logits"]
    torch.testing.assert_close(torch.tensor(found), model.logits(digits[:1]).flatten(), rtol=0, atol=0.02)


def test_completions_keep_what_is_given_and_say_their_probability(call, model, digits):
    given, x = 70, digits[0]
    result = call("functions.complete", packed(model), whole(x), given, 3, 5)
    log_prob = model.log_conditionals(x.unsqueeze(0)).flatten()
    assert result["logProb"] == pytest.approx(log_prob[:given].sum().item(), abs=1e-2)
    rest = call("functions.restOf", packed(model), whole(x), given)
    assert rest == pytest.approx(log_prob[given:].sum().item(), abs=1e-2)
    seen = set()
    for completion in result["completions"]:
        values = torch.tensor(completion["values"], dtype=torch.float32).view(1, *EVENT)
        assert completion["values"][:given] == whole(x)[:given]
        expected = model.log_conditionals(values).flatten()[given:].sum().item()
        assert completion["logProb"] == pytest.approx(expected, abs=1e-2)
        seen.add(tuple(completion["values"]))
    assert len(seen) == 3
    assert result == call("functions.complete", packed(model), whole(x), given, 3, 5)
    assert result != call("functions.complete", packed(model), whole(x), given, 3, 6)


def test_only_what_is_new_is_computed(call, model, digits):
    weights = packed(model)
    result = call("functions.complete", weights, whole(digits[0]), 98, 4, 1)
    connections = sum(weights[f"{name}.weight"].numel() for name in ("hidden", "output"))
    assert all(0 < completion["work"] < connections for completion in result["completions"])  # less than a single pass


def test_completions_come_as_often_as_their_probability_says(call):
    """On a network of six pixels, where all completions of the first two can be listed."""
    model = randomised((1, 2, 3), 7, scale=0.8)
    weights = {}
    for i, name in enumerate(("hidden", "output")):
        allowed = model.get_buffer(f"mask_{i}")[0].bool()
        weights[f"{name}.weight"] = model.layers[i].weight[allowed].detach()
        weights[f"{name}.bias"] = model.layers[i].bias.detach()
    given = [1, 0]
    images = torch.tensor([[*given, *rest] for rest in itertools.product([0.0, 1.0], repeat=4)]).view(-1, 1, 2, 3)
    expected = model.log_prob(images).softmax(0).detach().double()
    result = call("functions.complete", weights, [*given, 0, 0, 0, 0], 2, 4000, 1)
    codes = [int("".join(map(str, completion["values"][2:])), 2) for completion in result["completions"]]
    counts = torch.tensor(codes).bincount(minlength=16)
    assert chisquare(counts, expected / expected.sum() * 4000).pvalue > 1e-3


def test_what_it_cannot_draw_with_is_refused(model, digits):
    with pytest.raises(ValueError, match="digits must be binary images of 14 x 14"):
        figures.CompleteTheDigit(model, torch.zeros(2, 1, 28, 28))
    with pytest.raises(ValueError, match="digits must be binary images of 14 x 14"):
        figures.CompleteTheDigit(model, 3 * digits)
    for other in (
        MADE((1, 28, 28), (20,)),
        MADE(EVENT, (20, 20)),
        MADE(EVENT, (20,), orderings=2),
        MADE(EVENT, (20,), levels=3),
    ):
        with pytest.raises(ValueError, match="CompleteTheDigit draws with a MADE for binary images"):
            packed(other)


# ---- In the browser ------------------------------------------------------------------------------------------------


def readout(page, name):
    redrawn(page)
    return page.locator(".ck-readout", has_text=name).locator("strong").inner_text().replace("−", "-")


def board(page):
    return page.get_by_role("application", name="drawing board")


def on_board(page):
    """Which pixels of the board are white, (14, 14)."""
    redrawn(page)
    script = """c => { const d = c.getContext('2d'), s = c.width / 14;
      return Array.from({ length: 196 }, (_, i) =>
        d.getImageData((i % 14) * s + s / 2, Math.floor(i / 14) * s + s / 2, 1, 1).data[0]); }"""
    return torch.tensor(board(page).evaluate(script)).view(14, 14) == 255


def per_pixel(model, x, given):
    """Nats per pixel, minus log p, of the given part and of the rest."""
    nats = -model.log_conditionals(x.unsqueeze(0)).flatten()
    return nats[:given].mean().item(), nats[given:].mean().item()


def test_it_shows_the_digit_and_its_probabilities(show, model, digits, figure):
    page = show(figure)
    expected = digits[0, 0].bool()
    expected[7:] = False
    assert torch.equal(on_board(page), expected)
    own, rest = per_pixel(model, digits[0], 98)
    assert float(readout(page, "your rows")) == pytest.approx(own, abs=2e-3)
    assert float(readout(page, "really went on")) == pytest.approx(rest, abs=2e-3)
    numbers = [
        float(page.get_by_role("img", name=f"completion {k}").get_attribute("aria-label").split()[2].replace("−", "-"))
        for k in range(1, 7)
    ]
    assert float(readout(page, "on average")) == pytest.approx(sum(numbers) / 6, abs=2e-3)
    assert page.problems == []


def test_the_keyboard_draws(show, model, digits, figure):
    page = show(figure)
    before = on_board(page)
    board(page).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Space"):
        page.keyboard.press(key)
    after = on_board(page)
    assert (before != after).nonzero().tolist() == [[2, 8]]
    assert readout(page, "really went on") == "not a stored digit"
    changed = digits[0].clone()
    changed[0, 2, 8] = 1 - changed[0, 2, 8]
    assert float(readout(page, "your rows")) == pytest.approx(per_pixel(model, changed, 98)[0], abs=2e-3)
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")  # row 9: the network's
    assert torch.equal(on_board(page), after)
    assert page.problems == []


def test_a_stroke_of_the_pointer_draws(show, figure):
    page = show(figure)
    page.get_by_role("button", name="Clear").click()
    assert not on_board(page).any()
    box = place(page, board(page))
    step = box["width"] / 14
    page.mouse.move(box["x"] + 3.5 * step, box["y"] + 2.5 * step)
    page.mouse.down()
    for column in range(4, 9):
        page.mouse.move(box["x"] + (column + 0.5) * step, box["y"] + 2.5 * step)
    page.mouse.up()
    page.mouse.move(box["x"] + 0.5 * step, box["y"] + 0.5 * step)  # not pressed: draws nothing
    assert on_board(page).nonzero().tolist() == [[2, column] for column in range(3, 9)]
    assert page.problems == []


def test_rows_digits_and_seeds(show, model, digits, figure):
    page = show(figure)
    page.get_by_label("rows that are yours").focus()
    page.keyboard.press("ArrowRight")
    own, rest = per_pixel(model, digits[0], 112)
    assert float(readout(page, "really went on")) == pytest.approx(rest, abs=2e-3)
    before = readout(page, "on average")
    page.get_by_role("button", name="Other completions").click()
    assert readout(page, "on average") != before
    page.get_by_role("button", name="Another digit").click()
    assert float(readout(page, "your rows")) == pytest.approx(per_pixel(model, digits[1], 112)[0], abs=2e-3)
    page.get_by_label("rows that are yours").focus()
    page.keyboard.press("End")
    assert readout(page, "on average") == "–"
    page.keyboard.press("Home")
    assert readout(page, "your rows") == "–"
    assert page.problems == []


def test_it_draws_slowly_when_asked_and_stops_at_the_end(show, figure):
    page = show(figure)
    page.get_by_role("button", name="One step").click()
    redrawn(page)
    grid = board(page).locator("xpath=../..")
    assert grid.get_by_text("…").count() == 6
    page.get_by_label("rows that are yours").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Draw slowly").click()
    until(page, page.get_by_role("button", name="Draw slowly").is_visible)
    assert grid.get_by_text("…").count() == 0
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, figure, width, dark):
    page = show(figure, width=width, dark=dark)
    board(page).focus()
    page.keyboard.press("ArrowDown")
    redrawn(page)
    picture(page, f"complete_the_digit-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

"""The latent plane: its decoder against torch, its point under the mouse and the keyboard."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, MultivariateNormal

import coursekit.figures as figures
from tests.figures.waiting import place, redrawn, spoken

LABELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.fixture(scope="module")
def decoder():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 784))
    for parameter in network.parameters():
        parameter.data *= 3  # so that pixels come near black and white as a trained decoder's do
    return network


@pytest.fixture(scope="module")
def codes():
    return 1.5 * torch.randn(10, 2, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def figure(decoder, codes):
    return figures.LatentPlane(decoder.state_dict(), codes=codes, labels=LABELS)


@pytest.fixture
def call(javascript):
    return javascript(figures.LatentPlane)


@pytest.mark.parametrize("z", [[0.0, 0.0], [1.3, -0.4], [-4.0, 4.0]])
def test_decoder_equals_torch(call, decoder, z):
    found = call("(w, z) => Array.from(functions.decode(w, z))", decoder.state_dict(), z)
    expected = decoder(torch.tensor([z])).sigmoid()[0]
    torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-5, atol=1e-5)


def test_decoder_with_the_stored_weights_is_right_to_half_precision(call, decoder, figure):
    numbers = torch.frombuffer(bytearray(figure.weights), dtype=torch.float16).float()
    sizes = [math.prod(shape) for _, shape in figure.layout_of_weights]
    parts = zip(figure.layout_of_weights, numbers.split(sizes), strict=True)
    stored = {name: part.reshape(shape) for (name, shape), part in parts}
    found = call("(w, z) => Array.from(functions.decode(w, z))", stored, [0.7, -1.1])
    expected = decoder(torch.tensor([[0.7, -1.1]])).sigmoid()[0]
    torch.testing.assert_close(torch.tensor(found), expected, rtol=0, atol=5e-3)


@pytest.mark.parametrize("z", [[0.0, 0.0], [1.0, -2.0], [4.0, 4.0]])
def test_prior_density_equals_torch(call, z):
    prior = MultivariateNormal(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
    expected = prior.log_prob(torch.tensor(z, dtype=torch.float64)).exp().item()
    assert call("functions.priorDensity", z) == pytest.approx(expected, rel=1e-12)


def test_entropy_equals_torch_and_certain_pixels_add_nothing(call):
    p = torch.rand(784, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = Independent(Bernoulli(probs=p), 1).entropy().item()
    assert call("functions.entropy", p.tolist() + [0.0, 1.0]) == pytest.approx(expected, rel=1e-9)


def test_a_sample_is_binary_repeats_with_its_seed_and_has_the_right_mean(call):
    p = [0.0] * 10 + [0.3] * 5000 + [1.0] * 10
    drawn = call("functions.sample", p, 7)
    assert set(drawn) == {0, 1} and sum(drawn[:10]) == 0 and sum(drawn[-10:]) == 10
    assert drawn == call("functions.sample", p, 7) != call("functions.sample", p, 8)
    error = math.sqrt(0.3 * 0.7 / 5000)
    assert sum(drawn[10:-10]) / 5000 == pytest.approx(0.3, abs=4 * error)


def test_nearest_equals_a_search_in_torch(call, codes):
    for z in torch.randn(5, 2, generator=torch.Generator().manual_seed(3)):
        assert call("functions.nearest", codes.tolist(), z.tolist()) == (codes - z).norm(dim=1).argmin().item()
    assert call("functions.nearest", [], [0, 0]) == -1


def test_as_many_labels_as_codes(codes):
    with pytest.raises(ValueError, match="must be as many, were 10 and 9"):
        figures.LatentPlane({}, codes=codes, labels=LABELS[:-1])


def shown(page):
    """The image on the canvas, (28, 28) in [0, 1]."""
    redrawn(page)
    script = "c => Array.from(c.getContext('2d').getImageData(0, 0, 28, 28).data)"
    data = page.locator("canvas.ck-pictures").evaluate(script)
    return torch.tensor(data).reshape(28, 28, 4)[..., 0] / 255


def image(decoder, z):
    return decoder(torch.tensor([z])).sigmoid().detach().reshape(28, 28)


def readout(page, name):
    redrawn(page)
    return page.locator(".ck-readout", has_text=name).locator("strong").inner_text()


def test_the_first_picture_is_the_decoded_origin(show, decoder, figure):
    page = show(figure)
    torch.testing.assert_close(shown(page), image(decoder, [0.0, 0.0]), rtol=0, atol=0.02)
    assert readout(page, "prior density") == "0.1592"
    assert readout(page, "code z") == "(0.00, 0.00)"
    entropy = Independent(Bernoulli(probs=image(decoder, [0.0, 0.0])), 2).entropy().item()
    assert float(readout(page, "entropy").split()[0]) == pytest.approx(entropy, abs=2)
    assert page.locator(".ck-chart text", has_text="7").count() >= 1
    assert page.problems == []


def test_the_arrow_keys_move_the_code_both_ways(show, decoder, figure):
    page = show(figure)
    page.get_by_role("slider", name="code z").focus()
    for key, expected in [
        ("ArrowRight", (0.1, 0.0)), ("ArrowUp", (0.1, 0.1)), ("Shift+ArrowLeft", (-0.9, 0.1)),
        ("Shift+ArrowDown", (-0.9, -0.9)), ("Home", (-3.6, -0.9)),
    ]:  # fmt: skip
        page.keyboard.press(key)
        text = readout(page, "code z").replace("−", "-").strip("()")
        assert [float(number) for number in text.split(",")] == pytest.approx(expected), key
        torch.testing.assert_close(shown(page), image(decoder, list(expected)), rtol=0, atol=0.02)
    assert spoken(page, "code z (−3.60, −0.90)")
    assert page.problems == []


def test_the_mouse_drags_the_code_and_a_click_brings_it(show, figure):
    page = show(figure)
    handle = page.get_by_role("slider", name="code z")
    box = place(page, handle)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y - 60, steps=5)
    page.mouse.up()
    first, second = (float(number) for number in readout(page, "code z").strip("()").split(","))
    assert second == pytest.approx(2 * first, abs=0.05) and first > 0.3
    page.mouse.click(x - 60, y + 30)
    text = readout(page, "code z").replace("−", "-").strip("()")
    assert [float(number) for number in text.split(",")] == pytest.approx([-2 * first, -first], abs=0.05)
    assert page.problems == []


def test_a_sample_is_black_and_white_and_a_draw_moves_the_code(show, figure):
    page = show(figure)
    page.get_by_label("show").select_option("sample")
    assert set(shown(page).unique().tolist()) <= {0.0, 1.0}
    before = readout(page, "code z")
    page.get_by_role("button", name="Draw z from the prior").click()
    assert readout(page, "code z") != before
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, figure, width, dark):
    page = show(figure, width=width, dark=dark)
    page.get_by_role("slider", name="code z").focus()
    page.keyboard.press("Shift+ArrowRight")
    redrawn(page)
    picture(page, f"latent_plane-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

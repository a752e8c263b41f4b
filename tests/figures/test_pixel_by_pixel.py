"""Drawing pixel by pixel: logits and gradients against torch, the draws' distribution, and what the reader can do."""

import pytest
import torch

import coursekit.figures as figures
from coursekit.autoregressive import GatedPixelCNN
from coursekit.figures.pixel_by_pixel import unmasked
from tests.figures.waiting import place, redrawn, until

SIZE, LEVELS = (6, 7), 4
PIXELS = SIZE[0] * SIZE[1]


@pytest.fixture(scope="module")
def network():
    generator = torch.Generator().manual_seed(0)
    model = GatedPixelCNN((1, *SIZE), 4, 3, levels=LEVELS, classes=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.fixture(scope="module")
def image():
    return torch.randint(LEVELS, (PIXELS,), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def figure(network, image):
    return figures.PixelByPixel(network, image[:17].tolist(), label=1)


@pytest.fixture
def call(javascript):
    return javascript(figures.PixelByPixel)


def logits_of(network, image, label):
    """(H * W, levels) by torch."""
    x = (image / (LEVELS - 1)).view(1, 1, *SIZE)
    return network.logits(x, torch.tensor([label])).view(PIXELS, LEVELS)


def test_logits_equal_torch(call, network, image):
    for label in (0, 2):
        values = (image / (LEVELS - 1)).tolist()
        script = "(w, v, s, l) => functions.run(w, v, s, l).logits"
        found = call(script, unmasked(network), values, list(SIZE), label)
        assert found.shape == (LEVELS, *SIZE)
        expected = logits_of(network, image, label).T.reshape(LEVELS, *SIZE)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
        assert expected.std() > 0.3  # the test sees contrast


def test_fewer_rows_give_the_same_logits(call, network, image):
    values = (image / (LEVELS - 1))[:21].tolist()
    found = call("(w, v, s, l) => functions.run(w, v, s, l).logits", unmasked(network), values, [3, SIZE[1]], 1)
    expected = logits_of(network, image, 1).T.reshape(LEVELS, *SIZE)[:, :3]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_the_influence_is_the_gradient_of_the_predicted_mean(call, network, image):
    script = "(w, v, s, l, d) => Array.from(functions.influence(w, functions.run(w, v, s, l), d))"
    for pixel, label in ((0, 0), (23, 1), (38, 2)):
        x = (image / (LEVELS - 1)).view(1, 1, *SIZE).requires_grad_()
        p = network.logits(x, torch.tensor([label])).view(PIXELS, LEVELS)[pixel].softmax(dim=0)
        (expected,) = torch.autograd.grad((p * torch.arange(LEVELS) / (LEVELS - 1)).sum(), x)
        values = call(script, unmasked(network), x.flatten().tolist(), list(SIZE), label, pixel)
        found = torch.tensor(values, dtype=torch.float32)
        torch.testing.assert_close(found, expected.flatten(), rtol=1e-3, atol=1e-6)
        assert (found[pixel:] == 0).all() and (pixel == 0 or found[:pixel].abs().max() > 1e-4)


def test_draws_come_as_often_as_their_probability_says(call):
    p = [0.1, 0.45, 0.05, 0.4]
    script = "(p) => Array.from({ length: 4000 }, (_, d) => functions.level(p, functions.uniform(7, d)))"
    counts = torch.bincount(torch.tensor(call(script, p)), minlength=4) / 4000
    torch.testing.assert_close(counts, torch.tensor(p), rtol=0, atol=0.03)
    columns = [
        torch.tensor(call("(d) => Array.from({ length: 2000 }, (_, s) => functions.uniform(s, d))", d)) for d in (3, 4)
    ]
    assert abs(columns[0].mean() - 0.5) < 0.03 and torch.corrcoef(torch.stack(columns))[0, 1].abs() < 0.08
    assert (
        call("functions.level", [0.5, 0.5, 0, 0], 0.4999) == 0 and call("functions.level", [0.5, 0.5, 0, 0], 0.5) == 1
    )


def test_an_image_goes_on_as_torch_draws_it(call, network, image):
    """Pixel after pixel, from torch's probabilities and the same uniform numbers; across the end of a row."""
    uniforms = call("(n) => Array.from({ length: n }, (_, d) => functions.uniform(5, d))", PIXELS)
    drawn = image[:17].tolist()
    for d in range(17, 23):
        x = torch.tensor(drawn + [0] * (PIXELS - d))
        share = logits_of(network, x, 2)[d].softmax(dim=0).cumsum(0)
        assert (share - uniforms[d]).abs().min() > 1e-3  # float32 decides alike
        drawn.append(int((share <= uniforms[d]).sum()))
    script = "(w, v, s) => functions.extend(w, v, s, 4, 2, 5, 6)"
    found = call(script, unmasked(network), drawn[:17], list(SIZE))
    assert found["drawn"] == drawn
    x = torch.tensor(drawn + [0] * (PIXELS - 23))
    expected = logits_of(network, x, 2)[:24].T
    torch.testing.assert_close(found["pass"]["logits"].flatten(1)[:, :24], expected, rtol=1e-3, atol=1e-3)
    ended = call(
        "(w, v, s) => functions.extend(w, v, s, 4, 2, 5, 9).drawn", unmasked(network), image[:-2].tolist(), list(SIZE)
    )
    assert len(ended) == PIXELS


def test_the_stored_weights_are_those_that_the_masks_leave(network):
    weights = unmasked(network)
    assert weights["0.horizontal.weight"].shape == (8, 1, 1, 4) and (weights["0.horizontal.weight"][..., -1] == 0).all()
    assert weights["1.horizontal.weight"].shape == (8, 4, 1, 2)


def test_what_it_cannot_draw_is_refused():
    for network in (
        GatedPixelCNN((1, 4, 4), 4, 2, classes=2),
        GatedPixelCNN((1, 4, 4), 4, 2, levels=4),
        GatedPixelCNN((3, 4, 4), 4, 2, levels=4, classes=2),
    ):
        with pytest.raises(ValueError, match="PixelByPixel draws grey images of more than two levels"):
            figures.PixelByPixel(network)


def readout(page, name):
    redrawn(page)
    return page.locator(".ck-readout", has_text=name).locator("strong").inner_text().replace("−", "-")


def cursor(page):
    return page.get_by_role("slider", name="pixel of the image")


def test_it_shows_what_the_network_expects_at_the_cursor(show, network, image, figure):
    page = show(figure)
    assert readout(page, "pixel at the cursor") == "row 3, column 4" and readout(page, "its level") == "not drawn yet"
    cursor(page).focus()
    page.keyboard.press("ArrowUp")
    assert readout(page, "pixel at the cursor") == "row 2, column 4"
    p = logits_of(network, image, 1)[10].softmax(dim=0)
    level, percent = readout(page, "its level").removesuffix(" %").split(", ")
    assert int(level) == image[10] and int(percent) == pytest.approx(100 * p[image[10]].item(), abs=1)
    texts = page.locator(".ck-chart svg svg text").all_text_contents()
    assert [float(text.split()[0]) for text in texts] == pytest.approx(p.tolist(), abs=0.02)
    total = logits_of(network, image, 1).log_softmax(dim=1)[torch.arange(17), image[:17]].sum().item()
    assert float(readout(page, "log-probability").split()[0]) == pytest.approx(total, abs=0.2)
    assert page.problems == []


def test_steps_draw_and_play_ends_with_the_image(show, figure):
    page = show(figure)
    page.get_by_role("button", name="One step").click()
    assert "18 pixels" in readout(page, "log-probability")
    page.get_by_label("speed").select_option("4")
    page.get_by_role("button", name="Draw", exact=True).click()
    until(page, lambda: f"{PIXELS} pixels" in readout(page, "log-probability"))
    assert page.get_by_role("button", name="Draw", exact=True).is_visible()
    page.get_by_role("button", name="New image").click()
    until(page, lambda: f"{PIXELS} pixels" in readout(page, "log-probability"))
    assert page.problems == []


def test_a_changed_pixel_drops_what_follows(show, figure, image):
    page = show(figure)
    cursor(page).focus()
    page.keyboard.press("Home")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert readout(page, "its level").startswith(f"{(int(image[5]) + 1) % LEVELS}, ")
    assert "6 pixels" in readout(page, "log-probability")
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    assert readout(page, "its level") == "none yet"
    area = place(page, cursor(page))
    unit = area["width"] / (SIZE[1] * 20 + 4)
    page.mouse.click(area["x"] + unit * (2 + 2.5 * 20), area["y"] + unit * (2 + 10))
    assert readout(page, "pixel at the cursor") == "row 1, column 3"
    assert "3 pixels" in readout(page, "log-probability")
    page.get_by_label("digit").select_option("2")
    assert "0 pixels" in readout(page, "log-probability")
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, figure, width, dark):
    page = show(figure, width=width, dark=dark)
    cursor(page).focus()
    page.keyboard.press("ArrowLeft")
    redrawn(page)
    picture(page, f"pixel_by_pixel-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

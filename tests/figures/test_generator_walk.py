"""The walk of a generator: its images and maps against torch, folding, the point, the switch and the corners."""

import math

import pytest
import torch
from torch import nn

import coursekit.figures as figures
from coursekit.adversarial import DCGANGenerator, Rules
from coursekit.figures.generator_walk import folded
from tests.figures.waiting import place, redrawn

SIZE = 6


@pytest.fixture(scope="module")
def generator():
    """As after training: running statistics and gains that are neither zero nor one."""
    torch.manual_seed(0)
    network = DCGANGenerator(28, latent_size=SIZE, width=3)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.5)
                module.running_var.uniform_(0.3, 2)
                module.weight.uniform_(0.5, 2)
                module.bias.normal_()
            elif hasattr(module, "weight"):
                module.weight.mul_(15)
                module.bias.normal_(0, 0.3)
    return network.eval()


@pytest.fixture(scope="module")
def corners():
    return torch.randn(3, SIZE, generator=torch.Generator().manual_seed(1)).mul(1000).round() / 1000


@pytest.fixture
def figure(generator, corners):
    return figures.GeneratorWalk(generator, corners)


@pytest.fixture
def call(javascript):
    return javascript(figures.GeneratorWalk)


def layers(generator, z):
    """The hidden maps behind their ReLU, and the image, by torch itself: unfolded."""
    maps, h = [], z
    for module in generator:
        h = module(h)
        if isinstance(module, nn.ReLU):
            maps.append(h)
    return maps, h


def test_maps_and_image_equal_torch(call, generator):
    z = torch.randn(1, SIZE, generator=torch.Generator().manual_seed(2))
    maps, image = layers(generator, z)
    weights = folded(generator)
    found = call("(w, z) => functions.generate(w, z).maps", weights, z[0].tolist())
    assert [tuple(m.shape) for m in found] == [(1, 6, 7, 7), (1, 3, 14, 14)]
    for ours, theirs in zip(found, maps, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    found = call("(w, z) => Array.from(functions.generate(w, z).image)", weights, z[0].tolist())
    torch.testing.assert_close(torch.tensor(found), image.flatten(), rtol=1e-4, atol=1e-5)
    assert 0.1 < image.std()  # the test sees contrast


def test_a_map_that_is_switched_off_counts_as_zero(call, generator):
    z = torch.randn(1, SIZE, generator=torch.Generator().manual_seed(3))
    for layer, index in ((0, 4), (1, 2)):
        seen = -1

        def silence(module, given, result, layer=layer, index=index):
            nonlocal seen
            seen += 1
            if seen == layer:
                result[:, index] = 0
            return result

        hooks = [m.register_forward_hook(silence) for m in generator if isinstance(m, nn.ReLU)]
        expected = generator(z).flatten()
        for hook in hooks:
            hook.remove()
        off = {"layer": layer, "map": index}
        script = "(w, z, off) => Array.from(functions.generate(w, z, off).image)"
        found = torch.tensor(call(script, folded(generator), z[0].tolist(), off))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert (expected - generator(z).flatten()).abs().max() > 1e-3


def test_stored_weights_are_right_to_half_precision(call, generator, figure):
    numbers = torch.frombuffer(bytearray(figure.weights), dtype=torch.float16).float()
    sizes = [math.prod(shape) for _, shape in figure.layout_of_weights]
    parts = zip(figure.layout_of_weights, numbers.split(sizes), strict=True)
    stored = {name: part.reshape(shape) for (name, shape), part in parts}
    z = torch.randn(1, SIZE, generator=torch.Generator().manual_seed(2))
    found = call("(w, z) => Array.from(functions.generate(w, z).image)", stored, z[0].tolist())
    torch.testing.assert_close(torch.tensor(found), generator(z).flatten(), rtol=0, atol=0.02)


def test_the_plane_and_its_lengths(call, corners):
    a, b, c = corners.double()
    for x, y in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (-0.3, 0.7)):
        expected = a + x * (b - a) + y * (c - a)
        free = torch.tensor(call("functions.latent", corners.tolist(), [x, y], "free"), dtype=torch.float64)
        torch.testing.assert_close(free, expected, rtol=1e-6, atol=1e-6)
        kept = torch.tensor(call("functions.latent", corners.tolist(), [x, y], "kept"), dtype=torch.float64)
        torch.testing.assert_close(kept, expected * math.sqrt(SIZE) / expected.norm(), rtol=1e-6, atol=1e-6)


def test_the_tiles_on_the_corners_show_their_images(call, generator, corners):
    script = "(w, c) => functions.tiles(w, c, 'free').map((image) => Array.from(image))"
    tiles = torch.tensor(call(script, folded(generator), corners.tolist()))
    assert tiles.shape == (81, 784)
    for (row, column), corner in zip(((6, 2), (6, 6), (2, 2)), corners, strict=True):
        torch.testing.assert_close(tiles[9 * row + column], generator(corner[None]).flatten(), rtol=1e-4, atol=1e-5)


def test_new_corners_come_from_the_prior(call):
    drawn = torch.tensor(call("functions.drawn", 5, 4000))
    assert drawn.shape == (3, 4000) and drawn.mean().abs() < 0.04 and abs(drawn.std() - 1) < 0.04
    assert call("functions.drawn", 5, 8) != call("functions.drawn", 6, 8)


def test_what_it_cannot_draw_is_refused(generator, corners):
    with pytest.raises(ValueError, match="three latent points, were 2"):
        figures.GeneratorWalk(generator, corners[:2])
    for rules in (Rules(strided=False), Rules(relu_and_tanh=False), Rules(no_dense=False)):
        with pytest.raises(ValueError, match="GeneratorWalk draws a generator"):
            folded(DCGANGenerator(28, latent_size=SIZE, width=3, rules=rules))
    with pytest.raises(ValueError, match="28 x 28"):
        folded(DCGANGenerator(64, latent_size=SIZE, width=3))


def shown(page):
    """The image on its canvas, (784,) in [0, 1]."""
    redrawn(page)
    script = "c => Array.from(c.getContext('2d').getImageData(0, 0, 28, 28).data)"
    data = page.get_by_role("img", name="generated image").evaluate(script)
    return torch.tensor(data).reshape(784, 4)[:, 0] / 255


def readout(page, name):
    redrawn(page)
    return page.locator(".ck-readout", has_text=name).locator("strong").inner_text().replace("−", "-")


def at(generator, corners, x, y):
    z = corners[0] + x * (corners[1] - corners[0]) + y * (corners[2] - corners[0])
    return generator(z.unsqueeze(0)).detach().flatten(), z


def test_it_shows_the_image_at_its_point_and_the_keys_move_it(show, generator, corners, figure):
    page = show(figure)
    image, z = at(generator, corners, 0.25, 0.25)
    torch.testing.assert_close(shown(page), image, rtol=0, atol=0.03)
    assert float(readout(page, "length of z")) == pytest.approx(z.norm().item(), abs=0.01)
    page.get_by_role("slider", name="place in the plane").focus()
    for key, (x, y) in (("ArrowRight", (0.3, 0.25)), ("Shift+ArrowUp", (0.3, 0.75)), ("Home", (-0.6, 0.75))):
        page.keyboard.press(key)
        torch.testing.assert_close(shown(page), at(generator, corners, x, y)[0], rtol=0, atol=0.03)
    assert readout(page, "place") == "(-0.60, 0.75)"
    page.get_by_label("keep the length").check()
    assert float(readout(page, "length of z")) == pytest.approx(math.sqrt(SIZE), abs=0.01)
    assert page.problems == []


def test_a_click_brings_the_point(show, figure):
    page = show(figure)
    box = place(page, page.locator(".ck-chart image").first)
    page.mouse.click(box["x"] + box["width"] * (1 + 0.625) / 2.25, box["y"] + box["height"] * (1.625 - 0) / 2.25)
    x, y = (float(value) for value in readout(page, "place").strip("()").split(","))
    assert x == pytest.approx(1, abs=0.02) and y == pytest.approx(0, abs=0.02)
    assert page.problems == []


def test_a_map_is_switched_off_and_on_again(show, generator, corners, figure):
    page = show(figure)
    whole = shown(page)
    page.get_by_label("switch a map off").check()
    page.get_by_label("number").focus()
    page.keyboard.press("ArrowRight")
    changed = shown(page)
    assert not torch.equal(whole, changed)
    assert float(readout(page, "mean change")) == pytest.approx((whole - changed).abs().mean().item(), abs=0.004)
    page.get_by_label("of", exact=True).select_option("1")
    redrawn(page)
    assert page.get_by_label("number").get_attribute("max") == "3"
    page.get_by_label("switch a map off").uncheck()
    assert torch.equal(shown(page), whole)
    page.get_by_role("img", name="feature maps of 14 by 14").click(position={"x": 4, "y": 4})  # the first one
    assert readout(page, "mean change") != "nothing is off"
    assert page.problems == []


def test_new_corners_and_back(show, figure):
    page = show(figure)
    before = shown(page)
    page.get_by_role("button", name="New corners").click()
    assert not torch.equal(shown(page), before)
    page.get_by_role("button", name="First corners").click()
    assert torch.equal(shown(page), before)
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, figure, width, dark):
    page = show(figure, width=width, dark=dark)
    page.get_by_role("slider", name="place in the plane").focus()
    page.keyboard.press("ArrowRight")
    redrawn(page)
    picture(page, f"generator_walk-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

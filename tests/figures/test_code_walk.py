"""The walk between two codes: the decoder and the distances against torch, the figure in a browser."""

import pytest
import torch

import coursekit.figures as figures
from coursekit.autoencoders import Autoencoder, DenseDecoder, DenseEncoder
from tests.figures.waiting import redrawn, spoken


@pytest.fixture(scope="module")
def parts():
    """An untrained autoencoder of the figure's form, and codes and images of the figure's kind."""
    torch.manual_seed(0)
    model = Autoencoder(8, DenseEncoder(8, hidden=20), DenseDecoder(8, hidden=20))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(4 * parameter.half().float())  # what float16 holds exactly, and not all grey
    images = torch.rand(4, 1, 28, 28).mul(255).round() / 255
    codes = torch.randn(61, 8).half().float()
    return model, codes, codes[:4] + 0.5, images, ["0", "1", "2", "0"]


@pytest.fixture
def figure(parts):
    model, *rest = parts
    return figures.CodeWalk(model.decoder, *rest)


@pytest.fixture
def call(javascript):
    return javascript(figures.CodeWalk)


def weights_of(model):
    linear = [layer for layer in model.decoder if isinstance(layer, torch.nn.Linear)]
    return {f"{i}.{name}": value.detach() for i, layer in enumerate(linear) for name, value in layer.named_parameters()}


def test_the_decoder_is_torchs(call, parts):
    model, codes, *_ = parts
    for code in codes[:3]:
        found = torch.tensor(call("functions.decode", weights_of(model), code.tolist()))
        torch.testing.assert_close(found, model.decode(code[None]).flatten(), rtol=1e-5, atol=1e-6)


def test_a_walk_is_a_straight_line_through_both_ends(call):
    a, b = torch.randn(5), torch.randn(5)
    for t in (-0.5, 0.0, 0.3, 1.0, 1.5):
        found = torch.tensor(call("functions.between", a.tolist(), b.tolist(), t))
        torch.testing.assert_close(found, torch.lerp(a, b, t))


def test_distances_are_torchs(call, parts):
    _, codes, ends, *_ = parts
    distances = torch.cdist(ends, codes, compute_mode="donot_use_mm_for_euclid_dist").min(1).values
    for end, distance in zip(ends, distances, strict=True):
        assert call("functions.nearest", codes, end.tolist()) == pytest.approx(distance.item(), rel=1e-5)
    among = torch.cdist(codes, codes, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    assert call("functions.gap", codes) == pytest.approx(among.min(1).values.median().item(), rel=1e-5)


def test_the_spread_is_the_root_mean_square_distance_from_the_mean(call, parts):
    _, codes, *_ = parts
    centred = codes - codes.mean(0)
    radius = centred.square().sum(1).mean().sqrt().item()
    assert call("functions.spread", codes)["radius"] == pytest.approx(radius, 1e-5)


def test_a_random_code_lies_at_the_distance_that_is_shown(call, parts):
    _, codes, *_ = parts
    place = "functions.away(functions.spread(a), functions.unit(8, seed), r)"
    code = torch.tensor(call(f"((a, seed, r) => {place})", codes, 3, 2.5))
    radius = (codes - codes.mean(0)).square().sum(1).mean().sqrt()
    assert (code - codes.mean(0)).norm().item() == pytest.approx(2.5 * radius.item(), rel=1e-5)
    other = torch.tensor(call(f"((a, seed, r) => {place})", codes, 4, 2.5))
    assert not torch.allclose(code, other)


def test_wrong_parts_are_refused(parts):
    model, codes, ends, images, labels = parts
    with pytest.raises(ValueError, match="two linear layers"):
        figures.CodeWalk(torch.nn.Sequential(torch.nn.Linear(8, 784)), codes, ends, images, labels)
    with pytest.raises(ValueError, match="equally many"):
        figures.CodeWalk(model.decoder, codes, ends, images, labels[:3])


def numbers(page):
    """What the read-outs say: t, gaps of the walk, gaps of the random code."""
    redrawn(page)
    return [float(text.split()[0].replace("−", "-")) for text in page.locator(".ck-readout strong").all_inner_texts()]


def gaps(parts, code):
    _, codes, *_ = parts
    among = torch.cdist(codes, codes).fill_diagonal_(torch.inf).min(1).values.median()
    return ((codes - code).norm(dim=1).min() / among).item()


def pixels(page, number):
    """The first row of pixels on a canvas."""
    read = (
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0)"
    )
    return page.locator("canvas").nth(number).evaluate(read)


def test_the_walk_shows_the_decoded_code_and_the_blend(show, figure, parts):
    model, _, ends, images, _ = parts
    page = show(figure)
    middle = (ends[0] + ends[1]) / 2
    assert numbers(page)[:2] == pytest.approx([0.5, gaps(parts, middle)], abs=0.06)
    shown = torch.tensor(pixels(page, 2)).reshape(28, 60)  # two pictures with a gap of four pixels
    decoded = model.decode(middle[None].half().float()).reshape(28, 28)
    assert (shown[:, :28] / 255 - decoded).abs().max() < 0.02
    assert (shown[:, 32:] / 255 - images[:2].mean(0).reshape(28, 28)).abs().max() < 0.01
    assert page.problems == []


def test_it_obeys_the_keyboard_and_speaks(show, figure, parts):
    _, _, ends, *_ = parts
    page = show(figure)
    handle = page.get_by_role("slider", name="t", exact=True)
    handle.focus()
    page.keyboard.press("End")
    assert numbers(page)[:2] == pytest.approx([1.5, gaps(parts, torch.lerp(ends[0], ends[1], 1.5))], abs=0.06)
    page.keyboard.press("Home")
    assert numbers(page)[0] == -0.5
    page.get_by_label("to", exact=True).select_option("3")
    assert numbers(page)[1] == pytest.approx(gaps(parts, torch.lerp(ends[0], ends[3], -0.5)), abs=0.06)
    assert spoken(page, "typical gaps")
    assert page.problems == []


def test_a_step_out_of_the_data(show, figure):
    page = show(figure)
    near = numbers(page)[2]
    slider = page.get_by_role("slider", name="radius")
    slider.focus()
    page.keyboard.press("End")
    far = numbers(page)[2]
    assert far > near > 0
    page.get_by_role("button", name="Another direction").click()
    assert numbers(page)[2] != far
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, figure, width, dark):
    page = show(figure, width=width, dark=dark)
    redrawn(page)
    picture(page, f"code_walk-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

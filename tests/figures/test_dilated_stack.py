"""The dilated stack: its cones against autograd, its network against torch, and what the page does."""

import pytest
import torch

import coursekit.figures as figures
from coursekit import data
from coursekit.autoregressive import WaveNet
from tests.figures.waiting import place, redrawn

DILATIONS = (1, 2, 4, 1, 2)


@pytest.fixture(scope="module")
def model():
    """A network that has something to say: large weights, no zeros."""
    torch.manual_seed(0)
    network = WaveNet(16, 256, 6, DILATIONS, classes=2, skip=10)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape))
    return network.eval()


@pytest.fixture
def figure(model):
    return figures.DilatedStack(model, ["low", "high"])


@pytest.fixture
def call(javascript):
    return javascript(figures.DilatedStack)


@pytest.mark.parametrize(
    ("layers", "base", "kernel"), [(1, 1, 2), (4, 1, 2), (4, 2, 2), (5, 2, 3), (3, 3, 2), (3, 3, 3)]
)
def test_what_is_lit_is_what_autograd_finds(call, layers, base, kernel):
    state = {"layers": layers, "base": base, "kernel": kernel}
    network = WaveNet(200, 3, 2, [base**i for i in range(layers)], kernel)
    assert call("functions.receptiveField", state) == network.receptive_field
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.1 + 0.1 * torch.rand(parameter.shape))
    h = torch.rand(1, 200, 2, requires_grad=True)
    network.predict(h)[0, 150].sum().backward()
    found = h.grad[0].ne(0).any(dim=1).nonzero().flatten().tolist()
    rows = call("functions.reached", state, 150)
    assert rows[0] == found and rows[-1] == [150] and len(rows) == layers + 1
    assert call("functions.features", state) == sum(len(row) for row in rows[1:])


def test_the_network_is_torchs(call, model):
    sequence = torch.randint(256, (16,), generator=torch.Generator().manual_seed(1))
    for label in (0, 1):
        expected = model.logits(sequence.unsqueeze(0) / 255, torch.tensor([label]))[0]
        found = call("functions.along", model.state_dict(), DILATIONS, label, sequence.tolist())
        torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-4, atol=1e-4)


def test_a_network_with_a_longer_kernel_and_without_classes(call):
    torch.manual_seed(0)
    network = WaveNet(12, 5, 4, (1, 3), kernel=3)
    sequence = torch.randint(5, (12,))
    found = call("functions.along", network.state_dict(), (1, 3), 0, sequence.tolist())
    torch.testing.assert_close(torch.tensor(found), network.logits(sequence.unsqueeze(0) / 4)[0], rtol=1e-4, atol=1e-4)


def test_draws_follow_the_probabilities(call, model):
    script = "(logits, n) => { const c = logits.map(() => 0);" \
        " for (let i = 0; i < n; i++) c[functions.drawn(logits, (i + 0.5) / n)] += 1; return c; }"  # fmt: skip
    logits = [0.3, -1.0, 2.0, 0.0]
    counts = torch.tensor(call(script, logits, 10_000)) / 10_000
    torch.testing.assert_close(counts, torch.tensor(logits).softmax(0), rtol=0, atol=2e-4)
    first = call("functions.generate", model.state_dict(), DILATIONS, 0, 3, 40)
    assert first == call("functions.generate", model.state_dict(), DILATIONS, 0, 3, 40)
    assert first != call("functions.generate", model.state_dict(), DILATIONS, 1, 3, 40)
    assert len(set(first)) > 5


def test_the_wave_is_the_mu_laws(call):
    found = call("(n) => Array.from({ length: n }, (_, k) => functions.wave(k))", 256)
    torch.testing.assert_close(torch.tensor(found), data.from_mu_law(torch.arange(256) / 255), rtol=1e-4, atol=1e-6)


def test_multiplications_are_counted(call, model):
    layer = 12 * 12 + 6 * 10  # look, skip
    expected = 5 * layer + 4 * 6 * 6 + 10 * 10 + 10 * 256
    cost = call("functions.multiplications", model.state_dict(), DILATIONS)
    assert cost == {"queues": expected, "plain": expected * model.receptive_field, "field": model.receptive_field}


def test_other_networks_are_refused(model):
    with pytest.raises(ValueError, match="256 levels and a class for each name"):
        figures.DilatedStack(model, ["only one"])
    with pytest.raises(ValueError, match="it has 16 levels"):
        figures.DilatedStack(WaveNet(4, 16, 2, (1,)), [])


def readout(page, name):
    redrawn(page)
    return page.locator(".ck-readout", has_text=name).locator("strong").inner_text()


def lit(page):
    redrawn(page)
    return page.locator('.ck-chart circle[fill="var(--ck-blue)"]').count()


def test_sliders_and_keys_change_what_is_lit(show, figure):
    page = show(figure)
    assert lit(page) == 16 and readout(page, "receptive field") == "16 places"
    assert readout(page, "all that are lit") == "15" and readout(page, "with queues, one a layer") == "4"
    page.get_by_role("slider", name="dilation base").focus()
    page.keyboard.press("ArrowLeft")
    assert lit(page) == 5 and readout(page, "receptive field") == "5 places"
    page.get_by_role("slider", name="chosen output").focus()
    page.keyboard.press("Home")
    assert lit(page) == 1 and "4 of the inputs lie left of the picture" in page.locator(".ck-note").first.inner_text()
    assert page.problems == []


def test_a_click_chooses_the_output(show, figure):
    page = show(figure)
    box = place(page, page.locator(".ck-chart svg svg").first)
    page.mouse.click(box["x"] + box["width"] * (20 + 0.7) / 32.4, box["y"] + box["height"] / 2)
    redrawn(page)
    assert page.get_by_role("slider", name="chosen output").get_attribute("aria-valuenow") == "20"
    assert page.problems == []


def test_a_second_of_sound_is_generated_and_played(show, figure, call, model):
    page = show(figure)
    assert page.get_by_role("button", name="Play it").is_disabled()
    page.get_by_label("note", exact=True).select_option("1")
    page.get_by_role("button", name="Generate one second").click()
    page.get_by_role("button", name="Play it").and_(page.locator(":enabled")).wait_for(timeout=20_000)
    assert readout(page, "samples made") == "8,000"
    page.get_by_role("button", name="Play it").click()
    assert redrawn(page).problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, figure, width, dark):
    page = show(figure, width=width, dark=dark)
    page.get_by_role("button", name="Generate one second").click()
    page.get_by_role("button", name="Play it").and_(page.locator(":enabled")).wait_for(timeout=20_000)
    page.get_by_role("slider", name="chosen output").focus()
    page.keyboard.press("ArrowLeft")
    redrawn(page)
    picture(page, f"dilated_stack-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

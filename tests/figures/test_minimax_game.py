"""The game on the line: its gradients and steps against torch, its densities against counting, its controls."""

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.nn.functional import softplus

import coursekit.figures as figures
from tests.figures.waiting import redrawn, until

DATA = {
    "one": Normal(torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.6, dtype=torch.float64)),
    "two": MixtureSameFamily(
        Categorical(torch.full((2,), 0.5, dtype=torch.float64)),
        Normal(torch.tensor([-1.5, 1.5], dtype=torch.float64), torch.tensor([0.4, 0.4], dtype=torch.float64)),
    ),
}
# Networks travel as JSON lists, in double precision: typed arrays are made on the other side.
REVIVE = (
    "const net = (layers) => layers.map(({ weight, bias }) => "
    "({ weight: Float64Array.from(weight), bias: Float64Array.from(bias) }));"
)


@pytest.fixture
def call(javascript):
    return javascript(figures.MinimaxGame)


def random_network(sizes, seed):
    draw = torch.Generator().manual_seed(seed)
    return [
        {
            "weight": torch.randn(o, i, generator=draw, dtype=torch.float64).requires_grad_(),
            "bias": torch.randn(o, generator=draw, dtype=torch.float64).requires_grad_(),
        }
        for i, o in zip(sizes, sizes[1:], strict=False)
    ]


def plain(layers):
    return [{name: value.detach().flatten().tolist() for name, value in layer.items()} for layer in layers]


def run(layers, x):
    x = x.unsqueeze(1)
    for i, layer in enumerate(layers):
        x = x @ layer["weight"].T + layer["bias"]
        x = x.tanh() if i < len(layers) - 1 else x
    return x.squeeze(1)


def numbers(n, seed):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_same_gradients(found, layers):
    for theirs, ours in zip(found, layers, strict=True):
        for name in ("weight", "bias"):
            wanted = ours[name].grad.flatten()
            torch.testing.assert_close(torch.tensor(theirs[name], dtype=torch.float64), wanted, rtol=1e-9, atol=1e-11)


def test_the_discriminators_gradient_equals_torchs(call):
    layers = random_network([1, 7, 5, 1], 0)
    real, fake = numbers(9, 1), numbers(6, 2) - 1
    loss = softplus(-run(layers, real)).mean() + softplus(run(layers, fake)).mean()
    loss.backward()
    found = call(f"(d, x, y) => {{ {REVIVE} return functions.discriminatorStep(net(d), x, y); }}",
                 plain(layers), real.tolist(), fake.tolist())  # fmt: skip
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-12)
    assert_same_gradients(found["gradients"], layers)


@pytest.mark.parametrize("game", ["minimax", "non-saturating"])
def test_the_generators_gradient_goes_through_the_discriminator(call, game):
    generator, discriminator = random_network([1, 6, 4, 1], 3), random_network([1, 7, 5, 1], 4)
    z = numbers(11, 5)
    x = run(generator, z)
    x.retain_grad()
    logit = run(discriminator, x)
    loss = -softplus(logit).mean() if game == "minimax" else softplus(-logit).mean()
    loss.backward()
    found = call(f"(g, d, z, game) => {{ {REVIVE} return functions.generatorStep(net(g), net(d), z, game); }}",
                 plain(generator), plain(discriminator), z.tolist(), game)  # fmt: skip
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-12)
    assert found["push"] == pytest.approx(11 * x.grad.abs().mean().item(), rel=1e-9)
    assert_same_gradients(found["gradients"], generator)


def test_huge_logits_stay_finite(call):
    layers = [{"weight": [500.0], "bias": [0.0]}]  # a logit of 500 x
    found = call(f"(d) => {{ {REVIVE} return functions.discriminatorStep(net(d), [-4, 4], [-4, 4]); }}", layers)
    assert found["loss"] == pytest.approx(2000.0)
    assert all(math.isfinite(value) for value in found["gradients"][0]["weight"])


def test_adam_equals_torchs_over_many_steps(call):
    layers = random_network([1, 4, 1], 6)
    start = plain(layers)
    parameters = [layer[name] for layer in layers for name in ("weight", "bias")]
    optimizer = torch.optim.Adam(parameters, lr=0.03, betas=(0.5, 0.999))
    real, fake = numbers(8, 7), numbers(8, 8)
    for _ in range(40):
        optimizer.zero_grad()
        (softplus(-run(layers, real)).mean() + softplus(run(layers, fake)).mean()).backward()
        optimizer.step()
    found = call(
        f"(d, x, y) => {{ {REVIVE} const layers = net(d), memory = {{}};"
        "for (let i = 0; i < 40; i++)"
        "  functions.adam(layers, functions.discriminatorStep(layers, x, y).gradients, memory, 0.03);"
        "return layers; }",
        start, real.tolist(), fake.tolist(),
    )  # fmt: skip
    for theirs, ours in zip(found, plain(layers), strict=True):
        for name in ("weight", "bias"):
            assert theirs[name] == pytest.approx(ours[name], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("data", ["one", "two"])
def test_data_follow_their_density(call, data):
    at = [-2.0, -1.3, 0.0, 0.9, 2.2]
    wanted = DATA[data].log_prob(torch.tensor(at, dtype=torch.float64)).exp().tolist()
    assert call(f"(xs) => xs.map((x) => functions.dataDensity(x, '{data}'))", at) == pytest.approx(wanted, rel=1e-12)
    drawn = torch.tensor(call(f"() => functions.draw(lib.random(5), '{data}', 20000)"), dtype=torch.float64)
    assert drawn.mean().item() == pytest.approx(DATA[data].mean.item(), abs=0.05)
    assert drawn.std().item() == pytest.approx(DATA[data].variance.sqrt().item(), abs=0.03)


def test_the_generators_density_equals_a_known_one_and_a_count(call):
    edges = torch.linspace(-4, 4, 161, dtype=torch.float64)
    z = torch.linspace(0, 1, 801, dtype=torch.float64)
    stretched = 6 * z**2 - 2  # known: z = sqrt((x + 2) / 6), so the mass below x is that
    found = torch.tensor(call("(xs) => functions.generatedDensity(xs)", stretched.tolist()), dtype=torch.float64)
    below = ((edges + 2) / 6).clamp(0, 1).sqrt()
    torch.testing.assert_close(found, below.diff() / 0.05, rtol=2e-3, atol=2e-3)
    folded = 3 * torch.sin(9 * z)  # not monotone: against counting
    found = torch.tensor(call("(xs) => functions.generatedDensity(xs)", folded.tolist()), dtype=torch.float64)
    fine = 3 * torch.sin(9 * torch.linspace(0, 1, 2_000_001, dtype=torch.float64))
    counted = torch.histogram(fine, edges, density=True)[0]
    torch.testing.assert_close(found, counted, rtol=2e-2, atol=5e-3)
    flat = torch.tensor(call("() => functions.generatedDensity(new Array(801).fill(0.51))"), dtype=torch.float64)
    assert flat.sum().item() * 0.05 == pytest.approx(1.0)
    assert flat.max().item() * 0.05 == pytest.approx(1.0)


def test_the_numbers_shown_are_those_of_the_game(call):
    found = call("() => { const game = functions.start(3);"
                 "for (let i = 0; i < 30; i++) functions.trainDiscriminator(game, 'one', 0.01);"
                 "return { ...functions.values(game, 'one'), generator: game.generator,"
                 "  discriminator: game.discriminator }; }")  # fmt: skip
    generator, discriminator = (
        [
            {"weight": torch.tensor(w).double().reshape(len(b), -1), "bias": torch.tensor(b).double()}
            for w, b in ((layer["weight"], layer["bias"]) for layer in found[name])
        ]
        for name in ("generator", "discriminator")
    )
    x = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    z = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    p = DATA["one"].log_prob(x).exp()
    on_data, on_fakes = run(discriminator, x), run(discriminator, run(generator, z))
    value = torch.trapezoid(-p * softplus(-on_data), x) - softplus(on_fakes).mean()
    assert found["value"] == pytest.approx(value.item(), abs=2e-3)
    assert found["real"] == pytest.approx(torch.trapezoid(p * on_data.sigmoid(), x).item(), abs=2e-3)
    assert found["fake"] == pytest.approx(on_fakes.sigmoid().mean().item(), abs=2e-3)
    # The best D for two densities without a common point would reach V = 0; no D is above the largest V.
    assert found["value"] < found["largest"] <= 1e-9


def test_equal_densities_leave_one_half_and_minus_log_four(call):
    z = torch.linspace(0, 1, 801, dtype=torch.float64).clamp(1e-9, 1 - 1e-9)
    quantiles = DATA["one"].icdf(z).tolist()
    found = call(
        "(xs) => { const q = functions.generatedDensity(xs);"
        "return q.map((value, i) => functions.optimal("
        "  functions.dataDensity(-4 + 0.05 * (i + 0.5), 'one'), value)); }", quantiles
    )  # fmt: skip
    middle = [value for value in found[80:120]]  # x from 0 to 2
    assert middle == pytest.approx([0.5] * 40, abs=5e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_default_game_goes_to_its_end(call, seed):
    """From outside the data (a largest V near 0) to within 0.2 nats of -log 4, with D near one half."""
    rounds = (
        f"(settings) => {{ const game = functions.start({seed}); const before = functions.values(game, 'one').largest;"
        "for (let i = 0; i < 800; i++) functions.round(game, settings);"
        "const { largest, real, fake } = functions.values(game, 'one'); return [before, largest, real, fake]; }"
    )
    default = figures.MinimaxGame()
    names = ("data", "loss", "k", "discriminator_rate", "generator_rate")
    before, after, real, fake = call(rounds, {name: getattr(default, name) for name in names})
    assert before > -0.2
    assert after == pytest.approx(-math.log(4), abs=0.2)
    assert real == pytest.approx(0.5, abs=0.1) and fake == pytest.approx(0.5, abs=0.1)


def test_a_perfect_discriminator_stalls_the_minimax_game_alone(call):
    slopes = (
        "(loss) => { const game = functions.start(0);"
        "for (let i = 0; i < 200; i++) functions.trainDiscriminator(game, 'one', 0.01);"
        "const z = lib.linspace(0.02, 0.98, 200);"
        "return functions.generatorStep(game.generator, game.discriminator, z, loss).push; }"
    )
    assert call(slopes, "minimax") < 0.05
    assert call(slopes, "non-saturating") > 10 * call(slopes, "minimax")


def readouts(page):
    redrawn(page)
    labels = page.locator(".ck-readout > span").all_inner_texts()
    return dict(zip(labels, page.locator(".ck-readout strong").all_inner_texts(), strict=True))


def test_it_starts_paused_plays_and_pauses_from_the_keyboard(show):
    page = show(figures.MinimaxGame(), reduced_motion="reduce")
    assert readouts(page)["rounds"] == "0"
    redrawn(page, frames=20)
    assert readouts(page)["rounds"] == "0"
    assert readouts(page)["−log 4"] == "−1.39"
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("Space")
    until(page, lambda: int(readouts(page)["rounds"]) > 3)
    page.keyboard.press("Enter")
    stopped = readouts(page)
    assert int(stopped["rounds"]) > 3
    redrawn(page, frames=20)
    assert readouts(page) == stopped
    page.get_by_role("button", name="One step").click()
    assert int(readouts(page)["rounds"]) == int(stopped["rounds"]) + 1
    page.get_by_role("button", name="Reset").click()
    assert readouts(page)["rounds"] == "0"
    assert page.problems == []


def test_sliders_and_choices_change_the_game(show):
    page = show(figures.MinimaxGame())
    slider = page.get_by_role("slider", name="learning rate of G")
    before = slider.get_attribute("aria-valuetext")
    slider.focus()
    page.keyboard.press("ArrowRight")
    redrawn(page)
    assert slider.get_attribute("aria-valuetext") != before
    steps = page.get_by_role("slider", name="k, steps of D")
    steps.focus()
    page.keyboard.press("End")
    redrawn(page)
    assert steps.get_attribute("aria-valuetext") == "10"
    first = page.locator(".ck-chart path").first.get_attribute("d")
    page.get_by_role("button", name="New start").click()
    redrawn(page)
    assert page.locator(".ck-chart path").first.get_attribute("d") != first
    page.get_by_role("button", name="Train D alone").click()
    sure = readouts(page)
    assert float(sure["mean D on data"]) > 0.9 and float(sure["on generated"]) < 0.1
    page.get_by_role("combobox", name="data").select_option("two")
    assert readouts(page)["rounds"] == "0"
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.MinimaxGame(), width=width, dark=dark)
    for _ in range(3):
        page.get_by_role("button", name="One step").click()
    page.get_by_role("button", name="Play").click()
    until(page, lambda: int(readouts(page)["rounds"]) > (300 if width > 400 else 10))
    page.get_by_role("button", name="Pause").click()
    redrawn(page)
    picture(page, f"minimax_game-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

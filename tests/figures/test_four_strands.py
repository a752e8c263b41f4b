"""Four models of one density: Python's against quadrature, the browser's against Python's, the figure itself."""

import pytest
import torch

import coursekit.figures as figures
from coursekit.distributions.planar import GaussianRing, TwoMoons
from coursekit.figures.four_strands import PlanarAutoregressive, PlanarFlow, PlanarGAN, planar_vae
from coursekit.training import fit
from tests.figures.waiting import redrawn

KINDS = {"flow": PlanarFlow, "autoregressive": PlanarAutoregressive, "vae": planar_vae, "gan": PlanarGAN}
RING = GaussianRing(8, radius=1.25, scale=0.12)


@pytest.fixture(scope="module")
def models():
    """Barely trained models, their weights such that float16 holds them exactly."""
    x = RING.sample((512,), generator=torch.Generator().manual_seed(0)).float()
    found = {}
    for strand, kind in KINDS.items():
        torch.manual_seed(0)
        found[strand] = kind()
        fit(found[strand], x, epochs=3, progress=False, device="cpu")
        with torch.no_grad():
            for parameter in found[strand].parameters():
                parameter.copy_(parameter.half().float())
    return found


@pytest.fixture
def figure(models):
    return figures.FourStrands({"Two moons": (TwoMoons(), models), "Ring of eight": (RING, models)})


@pytest.fixture
def call(javascript):
    """Calls a function of the figure on a model's weights."""
    load = javascript(figures.FourStrands)

    def run(function, model, *arguments):
        names = ", ".join("abcd"[: len(arguments)])
        weights = {f"m.{name}": value for name, value in model.state_dict().items()} if model is not None else {}
        return load(f"((w, {names}) => {function}(functions.lookup(w, 'm'), {names}))", weights, *arguments)

    run.plain = load
    return run


def points(n=20):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", params=["flow", "autoregressive"])
def quadrature(request, models):
    """A model with a density, points on a grid, and the mass that it gives to each of their cells."""
    side = (torch.arange(800) + 0.5) / 800 * 32 - 16
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        return models[request.param], grid, models[request.param].log_prob(grid).exp().double() * 0.04**2


def test_explicit_densities_integrate_to_one(quadrature):
    assert quadrature[2].sum().item() == pytest.approx(1, abs=5e-3)  # some mass lies outside


def test_the_flows_density_is_that_of_its_map_by_autograd(models):
    flow, z = models["flow"], points(5)
    x = flow(z)
    jacobians = torch.stack([torch.autograd.functional.jacobian(lambda v: flow(v[None])[0], one) for one in z])
    expected = torch.distributions.Normal(0, 1).log_prob(z).sum(-1) - torch.linalg.det(jacobians).abs().log()
    torch.testing.assert_close(flow.log_prob(x), expected, rtol=1e-4, atol=1e-4)


def test_samples_follow_the_density(quadrature):
    """The mean of a function of samples against its integral by quadrature."""
    model, grid, mass = quadrature
    x = model.sample(20_000, generator=torch.Generator().manual_seed(0))
    for f in (lambda v: v[:, 0].sin(), lambda v: v[:, 1].tanh(), lambda v: (v[:, 0] * v[:, 1]).tanh()):
        error = 4 * f(x).std().item() / 20_000**0.5 + 2e-3
        assert f(x).mean().item() == pytest.approx((mass * f(grid)).sum().item(), abs=error)


def test_training_improves_each_likelihood():
    x = RING.sample((512,), generator=torch.Generator().manual_seed(0)).float()
    for strand in ("flow", "autoregressive", "vae"):
        torch.manual_seed(0)
        losses = fit(KINDS[strand](), x, epochs=3, progress=False, device="cpu")["loss"]
        assert losses[-1] < losses[0], strand


def test_the_truth_is_pythons(call):
    for truth in (TwoMoons(), RING):
        for point in points(3):
            found = call.plain("functions.trueLogProb", truth.means.tolist(), truth.scale, *point.tolist())
            assert found == pytest.approx(truth.log_prob(point).item(), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("strand", ["flow", "autoregressive"])
def test_exact_densities_are_pythons(call, models, strand):
    found = torch.tensor(call(f"functions.{strand}LogProb", models[strand], points()))
    torch.testing.assert_close(found, models[strand].log_prob(points()).detach(), rtol=1e-4, atol=1e-4)


def test_the_flow_draws_as_pythons(call, models):
    found = call("functions.flowForward", models["flow"], points())
    torch.testing.assert_close(found, models["flow"](points()).detach(), rtol=1e-4, atol=1e-4)


def test_the_generators_draw_as_pythons(call, models):
    found = call("functions.ganForward", models["gan"], points())
    torch.testing.assert_close(found, models["gan"].generator(points()).detach(), rtol=1e-4, atol=1e-5)
    vae, noise = models["vae"], points(40)[20:]
    expected = vae.decode(points()).mean + vae.likelihood.scale * noise
    torch.testing.assert_close(
        call("functions.vaeDecode", vae, points(), noise), expected.detach(), rtol=1e-4, atol=1e-5
    )


def test_the_bound_is_the_importance_weighted_one(call, models):
    vae, noise = models["vae"], points(6)
    q = vae.encode(points())
    z = q.mean + q.scale * noise.unsqueeze(1)  # (K, B, 2)
    log_weights = vae.decode(z).log_prob(points()) + vae.prior.log_prob(z) - q.log_prob(z)  # (K, B)
    expected = log_weights.logsumexp(0) - torch.tensor(6.0).log()
    found = torch.tensor(call("functions.vaeBound", vae, points(), noise))
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-4)


def test_the_autoregressive_model_draws_from_its_density(call, models):
    model = models["autoregressive"]
    expression = "((w, s) => functions.autoregressiveSample(functions.lookup(w, 'm'), 4000, lib.random(s)))"
    drawn = call.plain(expression, {f"m.{name}": value for name, value in model.state_dict().items()}, 1)
    with torch.no_grad():
        found = model.log_prob(drawn)
        expected = model.log_prob(model.sample(20_000, generator=torch.Generator().manual_seed(0)))
    assert found.mean().item() == pytest.approx(expected.mean().item(), abs=4 * found.std().item() / 63)
    assert drawn[:, 0].std().item() > 0.5


def test_points_in_a_circle_are_counted(call):
    inside = ((points(200) - torch.tensor([0.3, -0.2])).norm(dim=1) < 0.5).sum().item()
    assert call.plain("functions.inCircle", points(200), 0.3, -0.2, 0.5) == inside


def test_missing_models_are_refused(models):
    with pytest.raises(ValueError, match="Two moons must have the models"):
        figures.FourStrands({"Two moons": (TwoMoons(), {"flow": models["flow"]})})


def answers(page):
    redrawn(page)
    return page.locator(".ck-readout strong").all_inner_texts()


def number(text):
    return float(text.split()[-1].replace("−", "-"))


def test_each_strand_answers_as_it_can(show, figure, models):
    page = show(figure)
    at = torch.tensor([[0.0, 0.9]])
    truth, flow, autoregressive, vae, gan, counted = answers(page)
    assert number(truth) == pytest.approx(TwoMoons().log_prob(at).item(), abs=0.03)
    assert flow.startswith("= ") and number(flow) == pytest.approx(models["flow"].log_prob(at).item(), abs=0.02)
    assert number(autoregressive) == pytest.approx(models["autoregressive"].log_prob(at).item(), abs=0.02)
    assert vae.startswith("≥ ") and gan == "cannot say" and int(counted) >= 0
    page.get_by_label("data", exact=True).select_option("1")
    assert number(answers(page)[0]) == pytest.approx(RING.log_prob(at).item(), abs=0.03)
    assert page.problems == []


def test_it_obeys_the_keyboard(show, figure):
    page = show(figure)
    before = answers(page)
    page.get_by_role("slider", name="point").focus()
    page.keyboard.press("Shift+ArrowRight")
    assert answers(page)[:3] != before[:3]
    shade = "canvas => canvas.toDataURL()"
    shades = [page.locator(".ck-chart canvas").evaluate(shade)]
    for strand in ("Autoregressive", "VAE", "GAN"):
        page.get_by_role("button", name=strand).click()
        redrawn(page)
        shades.append(page.locator(".ck-chart canvas").evaluate(shade))
    assert len(set(shades)) == 4  # the last one is empty
    assert "no density" in page.locator(".coursekit-figure").inner_text()
    assert page.get_by_role("button", name="GAN").get_attribute("aria-pressed") == "true"
    dots = page.locator("path[stroke='var(--ck-ink)']").first
    few = len(dots.get_attribute("d"))
    page.get_by_role("button", name="Draw 200 more").click()
    redrawn(page)
    assert len(dots.get_attribute("d")) > 1.5 * few
    page.get_by_role("button", name="Clear").click()
    redrawn(page)
    assert not dots.get_attribute("d")
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, figure, width, dark):
    page = show(figure, width=width, dark=dark)
    redrawn(page)
    picture(page, f"four_strands-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

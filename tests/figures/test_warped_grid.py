"""The warped grid: couplings in node against torch, and the figure in a browser."""

import pytest
import torch

import coursekit.figures as figures
from coursekit.generators import MAF, NeuralSplineFlow, RealNVP
from coursekit.generators.splines import inverse_spline, spline
from tests.figures.waiting import redrawn, spoken, until


@pytest.fixture(scope="module")
def flows():
    """Flows with weights at random, of such numbers as float16 holds."""
    generator = torch.Generator().manual_seed(0)
    made = {"affine": RealNVP(2, layers=5, hidden=(8, 8)), "spline": NeuralSplineFlow(2, 2, (8, 8), bins=5, bound=3.0)}
    with torch.no_grad():
        for flow in made.values():
            for parameter in flow.parameters():
                parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator)).copy_(parameter.half())
    return made


@pytest.fixture
def figure(flows):
    return figures.WarpedGrid(flows)


@pytest.fixture
def call(javascript):
    return javascript(figures.WarpedGrid)


def weights_of(flows):
    """The weights by the names that the figure gives them."""
    return {
        f"{i}.{number}.{j}.{name}": value.detach()
        for i, flow in enumerate(flows.values())
        for number, layer in enumerate(flow.layers)
        if hasattr(layer, "network")
        for j, part in enumerate(layer.network[::2])
        for name, value in part.named_parameters()
    }


def in_frame(flow, z):
    """Noise in the frame of the data, as the flow has it: an odd number of exchanges is one exchange."""
    exchanges = sum(1 for layer in flow.layers if hasattr(layer, "order"))
    return z.flip(-1) if exchanges % 2 else z


@pytest.mark.parametrize("i", [0, 1])
def test_a_chain_is_torchs_flow(call, flows, figure, i):
    flow = list(flows.values())[i]
    z = 1.2 * torch.randn(20, 2, generator=torch.Generator().manual_seed(1))
    run = call("functions.forward", weights_of(flows), i, figure.chains[i], z.flatten().tolist())
    x, log_det = flow.to_data(in_frame(flow, z))
    torch.testing.assert_close(torch.tensor(run["stages"][-1]).view(20, 2), x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.tensor(run["steps"]).sum(dim=0), log_det, rtol=1e-4, atol=1e-4)
    assert torch.tensor(run["stages"][0]).view(20, 2).allclose(z)
    for number, coupling in enumerate(figure.chains[i]):  # each moves points along one axis
        before, after = (torch.tensor(run["stages"][k]).view(20, 2) for k in (number, number + 1))
        assert (before - after)[:, 1 - coupling["axis"]].abs().max() == 0
        assert (before - after)[:, coupling["axis"]].abs().max() > 1e-3
    total = call("functions.logDeterminant", run, len(figure.chains[i]), 3)
    assert total == pytest.approx(log_det[3].item(), abs=1e-4)


@pytest.mark.parametrize("i", [0, 1])
def test_the_way_back_ends_where_it_began(call, flows, figure, i):
    z = [0.7, -1.1]
    chain = figure.chains[i]
    run = call("functions.forward", weights_of(flows), i, chain, z)
    for count in range(len(chain) + 1):
        back = call("functions.backward", weights_of(flows), i, chain, run["stages"][count], count)
        assert back == pytest.approx(z, abs=1e-5)


def test_the_spline_is_torchs(call):
    generator = torch.Generator().manual_seed(2)
    raw = torch.randn(6, 3 * 4 - 1, generator=generator, dtype=torch.float64)
    value = torch.tensor([-3.5, -2.9, -0.3, 0.0, 1.7, 2.99], dtype=torch.float64)
    for back, function in ((False, spline), (True, inverse_spline)):
        found = [call("functions.spline", value[k].item(), raw[k].tolist(), 3.0, back) for k in range(6)]
        torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), torch.stack(function(value, raw, 3.0), 1))


def test_between_layers_the_determinant_is_that_of_the_map_between(call, flows, figure):
    """Against differences: area of a tiny square at stage 2.3."""
    h, z = 1e-3, torch.tensor([0.4, 0.3])
    corners = torch.stack([z, z + torch.tensor([h, 0.0]), z + torch.tensor([0.0, h])])
    run = call("functions.forward", weights_of(flows), 0, figure.chains[0], corners.flatten().tolist())
    a, b, c = torch.tensor(call("functions.between", run, 2.3), dtype=torch.float64).view(3, 2)
    area = torch.linalg.det(torch.stack([b - a, c - a])) / h**2
    assert area.log().item() == pytest.approx(call("functions.logDeterminant", run, 2.3), abs=0.02)


def test_flows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="MaskedAffine in 2 dimensions does not fit"):
        figures.WarpedGrid({"maf": MAF(2)})
    with pytest.raises(ValueError, match="in 4 dimensions"):
        figures.WarpedGrid({"large": RealNVP(4)})
    with pytest.raises(ValueError, match="two hidden layers, has 1"):
        figures.WarpedGrid({"flat": RealNVP(2, hidden=(8,))})


def readings(page):
    redrawn(page)
    texts = page.locator(".ck-readout strong").all_inner_texts()
    numbers = [text.replace("−", "-").replace("nats", "").strip("() ") for text in texts]
    return [[float(part) for part in text.split(",")] for text in numbers]


def test_the_readings_are_torchs(show, figure, flows):
    page = show(figure)
    slider = page.get_by_role("slider", name="layers applied")
    slider.focus()
    page.keyboard.press("End")
    z, x, base, log_det, factor, density = readings(page)
    flow = flows["affine"]
    expected, total = flow.to_data(in_frame(flow, torch.tensor([z])))
    assert x == pytest.approx(expected[0].tolist(), abs=0.02)
    assert log_det == pytest.approx([total.item()], abs=0.02)
    assert density == pytest.approx([flow.log_prob(expected).item()], abs=0.02)
    assert base[0] - log_det[0] == pytest.approx(density[0], abs=0.02)
    assert factor == pytest.approx([total.exp().item()], abs=0.02)
    assert page.problems == []


def test_points_move_by_keyboard_on_both_sides(show, figure):
    page = show(figure)
    page.get_by_role("slider", name="point of noise").focus()
    page.keyboard.press("ArrowRight")
    assert readings(page)[0] == pytest.approx([0.85, 0.6])
    slider = page.get_by_role("slider", name="layers applied")
    slider.focus()
    page.keyboard.press("End")
    before = readings(page)
    page.get_by_role("slider", name="point after the layers").focus()
    page.keyboard.press("ArrowUp")
    after = readings(page)
    assert after[1] == pytest.approx([before[1][0], before[1][1] + 0.05], abs=0.011)
    assert after[0] != before[0]
    assert spoken(page, "log-density at the point")
    assert page.problems == []


def test_another_flow_and_a_run(show, figure):
    page = show(figure)
    page.get_by_label("flow", exact=True).select_option("1")
    page.get_by_role("button", name="One step").click()
    redrawn(page)
    assert page.get_by_role("slider", name="layers applied").get_attribute("aria-valuetext").endswith("of 2")
    page.get_by_role("button", name="Run through the layers").click()
    layers = page.get_by_role("slider", name="layers applied")
    until(page, lambda: layers.get_attribute("aria-valuetext") == "2 of 2")
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True)])
def test_it_fits_the_page(show, picture, flows, width, dark):
    page = show(figures.WarpedGrid(flows, stage=5.0), width=width, dark=dark)
    redrawn(page)
    picture(page, f"warped_grid-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

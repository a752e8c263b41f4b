"""The judged cloud: its scores against coursekit.evaluation, its points against their settings, its controls."""

import pytest
import torch

import coursekit.figures as figures
from coursekit.evaluation import RawValues, density_coverage, fid, nearest_neighbours, precision_recall
from tests.figures.waiting import redrawn

PERFECT = {"spread": 1.0, "modes": 8, "outliers": 0.0, "copies": 0.0, "right": 0.0, "up": 0.0}
DRAW = "(s, n) => { const x = functions.trainingPoints(3, n); return [x, functions.generatedPoints(s, x, 3)]; }"


@pytest.fixture
def call(javascript):
    return javascript(figures.JudgeTheCloud)


def draw(call, n=400, **settings):
    x, y = call(DRAW, {**PERFECT, **settings}, n)
    return torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)


@pytest.mark.parametrize(
    "settings",
    [{}, {"spread": 2.5}, {"modes": 3}, {"outliers": 0.3}, {"copies": 1.0}, {"copies": 0.4, "right": 0.5}],
)
def test_every_score_is_the_packages(call, settings):
    x, y = draw(call, 150, **settings)
    found = call("functions.judge", x.tolist(), y.tolist())
    raw = RawValues()
    assert found["frechet"] == pytest.approx(fid(x, y, raw, split="").value, rel=1e-7, abs=1e-9)
    scores = (*precision_recall(x, y, raw, split=""), *density_coverage(x, y, raw, split=""))
    for name, score in zip(("precision", "recall", "density", "coverage"), scores, strict=True):
        assert found[name] == pytest.approx(score.value, abs=1e-12), name
    assert found["copied"] == pytest.approx((nearest_neighbours(y, x).distances < 1e-6).double().mean().item())
    both = torch.cat([x, y])
    nearest = torch.cdist(both, both).fill_diagonal_(torch.inf).argmin(dim=1)
    own = (nearest < 150) == (torch.arange(300) < 150)
    if not settings.get("copies"):  # a copy has neighbours at equal distances
        assert found["test"] == pytest.approx(own.double().mean().item())


def test_equal_sets_and_sets_far_apart_by_hand(call):
    x = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5], [2.0, 2.0]]
    same = call("functions.judge", x, x)
    assert same["frechet"] == pytest.approx(0, abs=1e-12)
    assert same["precision"] == same["recall"] == same["coverage"] == same["copied"] == 1
    assert same["test"] == 0  # the nearest of each point is its copy, from the other set
    far = call("functions.judge", x, [[a + 50, b] for a, b in x])
    assert far["frechet"] == pytest.approx(2500)
    assert far["precision"] == far["recall"] == far["density"] == far["coverage"] == far["copied"] == 0
    assert far["test"] == 1


def test_the_points_are_what_the_settings_say(call):
    n = 4000
    centres = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    x, y = draw(call, n)
    assert x.norm(dim=1).mean().item() == pytest.approx(1.007, abs=0.01)  # 1 + width^2 / 2
    assert y.norm(dim=1).mean().item() == pytest.approx(1.007, abs=0.01)
    _, y = draw(call, n, modes=4, spread=0.5)  # every second mode is left
    distance = torch.cdist(y, centres).min(dim=1).values
    assert distance.square().mean().item() == pytest.approx(2 * 0.06**2, rel=0.1)
    assert torch.cdist(y, centres).argmin(dim=1).unique().tolist() == [0, 1, 2, 3]
    _, y = draw(call, n, right=0.5, up=-0.25)
    assert y.mean(dim=0).tolist() == pytest.approx([0.5, -0.25], abs=0.05)
    _, y = draw(call, n, outliers=0.5)
    assert (y.norm(dim=1) > 1.6).double().mean().item() == pytest.approx(0.5 * (1 - 3.1416 * 1.6**2 / 3.6**2), abs=0.03)
    x, y = draw(call, n, copies=0.25)
    assert (torch.cdist(y, x).min(dim=1).values == 0).double().mean().item() == pytest.approx(0.25, abs=0.03)


def test_moving_one_slider_keeps_the_other_points(call):
    _, before = draw(call, 300)
    _, after = draw(call, 300, copies=0.1)
    moved = (before != after).any(dim=1).double().mean().item()
    assert moved == pytest.approx(0.1, abs=0.06)


def test_what_the_text_promises(call):
    """Every second mode lost: hidden from the Frechet distance alone. Copies: too good, seen by neighbours alone."""
    judged = "(s) => functions.verdict({ ...s, points: 200, seed: 0 })"

    def outside(**settings):
        found, ranges = call(judged, {**PERFECT, **settings}).values()
        return {
            name: "low" if found[name] < low - 1e-9 else "high"
            for name, (low, high) in ranges.items()
            if not low - 1e-9 <= found[name] <= high + 1e-9
        }

    half = outside(modes=4)
    assert "frechet" not in half and half["recall"] == half["coverage"] == "low"
    copied = outside(copies=1.0)
    assert copied["test"] == "low" and copied["copied"] == "high"
    assert {"precision", "recall", "coverage"}.isdisjoint(name for name, side in copied.items() if side == "low")
    narrow = outside(spread=0.3)
    assert narrow["density"] == "high" and narrow["recall"] == narrow["coverage"] == "low"
    assert "precision" not in narrow or narrow["precision"] == "high"


def test_the_ranges_follow_the_training_points(call):
    both = (
        "(s) => [[1, 50], [2, 50], [1, 60]].map(([seed, points]) => [functions.verdict({ ...s, seed, points }).ranges,"
        "functions.freshRanges(functions.trainingPoints(seed, points), seed)])"
    )
    for found, expected in call(both, PERFECT):
        assert found == expected


def cells(page):
    redrawn(page)
    return {
        row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in page.locator("tbody tr").all()
    }


def test_a_fault_is_chosen_and_the_table_tells(show):
    page = show(figures.JudgeTheCloud())
    assert cells(page)["copies"][0] == "0.00"
    page.get_by_role("combobox", name="fault").select_option("copies")
    table = cells(page)
    assert table["copies"][0].startswith("1.00") and "▲" in table["copies"][0]
    assert "▼" in table["neighbour test"][0]
    assert "copies above" in page.locator(".ck-readout strong").inner_text()
    page.get_by_role("combobox", name="fault").select_option("one")
    assert "▼" in cells(page)["recall"][0]
    page.get_by_role("combobox", name="show balls of").select_option("y")
    redrawn(page)
    assert page.locator(".ck-chart circle").count() >= 200
    assert page.problems == []


def test_sliders_and_the_handle_work_from_the_keyboard(show):
    page = show(figures.JudgeTheCloud())
    before = cells(page)["Fréchet distance"][0]
    handle = page.get_by_role("slider", name="shift of the generator")
    handle.focus()
    for _ in range(3):
        page.keyboard.press("PageUp")
    after = cells(page)["Fréchet distance"][0]
    assert after != before and "▲" in after
    assert page.get_by_role("combobox", name="fault").input_value() == ""
    modes = page.get_by_role("slider", name="modes")
    modes.focus()
    page.keyboard.press("Home")
    redrawn(page)
    assert modes.get_attribute("aria-valuetext") == "1"
    points = page.get_by_role("slider", name="points")
    points.focus()
    page.keyboard.press("End")
    redrawn(page)
    assert points.get_attribute("aria-valuetext") == "400"
    assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), [(900, False), (360, False), (900, True), (360, True)])
def test_it_fits_the_page(show, picture, width, dark):
    page = show(figures.JudgeTheCloud(modes=4, outliers=0.1), width=width, dark=dark)
    if dark:
        page.get_by_role("combobox", name="show balls of").select_option("x")
    redrawn(page)
    picture(page, f"judge_the_cloud-{width}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []

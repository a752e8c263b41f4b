"""What every member of the family promises, held against enumeration, automatic derivatives and exact conditionals."""

import itertools

import pytest
import torch
from scipy.stats import chisquare
from torch.utils.flop_counter import FlopCounterMode

import coursekit as ck
from coursekit.autoregressive import (
    FVSBN,
    MADE,
    NADE,
    Autoregressive,
    DiagonalBiLSTM,
    GatedPixelCNN,
    PixelCNN,
    RasterLSTM,
    RowLSTM,
)

KINDS = {
    "FVSBN": lambda event, levels: FVSBN(event, levels),
    "NADE": lambda event, levels: NADE(event, 5, levels),
    "MADE": lambda event, levels: MADE(event, (24, 24), levels),
    "MADE, 3 orderings": lambda event, levels: MADE(event, (24,), levels, orderings=3),
    "PixelCNN": lambda event, levels: PixelCNN(event, 6, 2, levels),
    "GatedPixelCNN": lambda event, levels: GatedPixelCNN(event, 6, 3, levels),
    "RasterLSTM": lambda event, levels: RasterLSTM(event, 6, 2, levels),
    "RowLSTM": lambda event, levels: RowLSTM(event, 6, 2, levels),
    "DiagonalBiLSTM": lambda event, levels: DiagonalBiLSTM(event, 6, 2, levels),
}
SPACES = {"binary": ((1, 3, 3), 2), "4 levels": ((1, 2, 3), 4), "colour": ((3, 1, 2), 3)}


def cases(*spaces):
    return pytest.mark.parametrize(("kind", "space"), list(itertools.product(KINDS, spaces or SPACES)))


@pytest.fixture
def build(randomised):
    return lambda kind, space, seed=0, scale=0.5: randomised(KINDS[kind](*SPACES[space]), seed, scale)


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


@cases()
@pytest.mark.parametrize("seed", [0, 1])
def test_the_probabilities_of_all_images_sum_to_one(kind, space, seed, build, every_image):
    model = build(kind, space, seed)
    assert model.log_prob(every_image(*SPACES[space])).double().logsumexp(0).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("PixelCNN", "RowLSTM")])
@pytest.mark.parametrize(("event", "levels"), [((1, 3, 4), 2), ((3, 2, 3), 2), ((3, 2, 2), 3)])
def test_a_dimension_depends_on_all_before_it_and_on_nothing_else(kind, event, levels, dependency):
    channels, height, width = event  # the number of each dimension in raster order, R, G, B innermost, by hand:
    number = [(i * width + j) * channels + c for c in range(channels) for i in range(height) for j in range(width)]
    expected = [[j < i for j in number] for i in number]
    assert dependency(KINDS[kind](event, levels)).tolist() == expected


@cases("binary", "colour")
@pytest.mark.parametrize("seed", [0, 1])
def test_cached_sampling_draws_what_the_plain_loop_draws(kind, space, seed, build):
    model = build(kind, space, seed)
    draws = model.sample(50, generator=seeded(seed))
    assert torch.equal(draws, model.sample(50, generator=seeded(seed), cached=False))
    assert not torch.equal(draws, model.sample(50, generator=seeded(seed + 1)))
    assert draws.shape == (50, *model.event_shape)
    assert (draws != draws[0]).any()


@cases("colour")
def test_draws_do_not_depend_on_the_size_of_the_batch(kind, space, build):
    model = build(kind, space)
    if kind == "MADE, 3 orderings":
        with model.in_order(1):
            assert torch.equal(model.sample(40, generator=seeded())[:7], model.sample(7, generator=seeded()))
    assert torch.equal(model.sample(40, generator=seeded())[:7], model.sample(7, generator=seeded()))


@pytest.mark.parametrize("kind", KINDS)
def test_all_cached_steps_together_cost_about_one_pass(kind, randomised):
    model = randomised(KINDS[kind]((3, 6, 6), 4))
    with FlopCounterMode(display=False) as cached:
        model.sample(8, generator=seeded())
    with FlopCounterMode(display=False) as one_pass, torch.no_grad():
        model.logits(torch.zeros(8, 3, 6, 6))
    assert 0 < cached.get_total_flops() < 1.5 * one_pass.get_total_flops()


def test_where_rounding_could_decide_the_image_alone_does(randomised, monkeypatch):
    class Rounded(FVSBN):
        def steps(self, x, labels=None):
            for logits in super().steps(x, labels):
                yield logits - 2e-6

    model = Rounded((1, 2, 2))  # every probability is a half
    monkeypatch.setattr(model, "_uniform", lambda n, k, generator: torch.full((n, k), 0.5))
    assert torch.equal(model.sample(5), model.sample(5, cached=False))
    assert model.sample(5).eq(1).all()
    monkeypatch.setattr(model, "_too_close", lambda distance: [])
    assert not torch.equal(model.sample(5), model.sample(5, cached=False))


def frequencies_fit(draws, images, probabilities):
    """Whether draws of some of the images come as often as their probabilities say."""
    same = (draws.flatten(1).unsqueeze(1) == images.flatten(1)).all(dim=2)
    assert same.any(dim=1).all()
    counts, expected = same.sum(0).double(), probabilities.detach().double() * len(draws)
    rare = expected < 5
    counts = torch.cat([counts[~rare], counts[rare].sum(0, keepdim=True)])
    expected = torch.cat([expected[~rare], expected[rare].sum(0, keepdim=True)])
    assert counts[expected == 0].sum() == 0
    counts, expected = counts[expected > 0], expected[expected > 0]
    if len(counts) == 1:  # all draws must be this one, and are: every draw is among the images
        return True
    return chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-3


@cases("colour")
def test_draws_come_as_often_as_their_probability_says(kind, space, build, every_image):
    model, images = build(kind, space, scale=0.4), every_image(*SPACES[space])
    draws = model.sample(3000, generator=seeded())
    assert frequencies_fit(draws, images, model.log_prob(images).exp())


MISSING = {"the end": [3, 4, 5], "the beginning": [0, 1], "here and there": [0, 3, 5], "nothing": [], "all": range(6)}


@pytest.mark.parametrize(
    ("kind", "where", "event"),
    [(kind, where, (1, 2, 3)) for kind in KINDS for where in MISSING]
    + [(kind, "here and there", (3, 1, 2)) for kind in ("FVSBN", "MADE", "PixelCNN")],
)
def test_completions_come_from_the_exact_conditional(kind, where, event, randomised, every_image):
    model, images = randomised(KINDS[kind](event, 2), scale=0.6), every_image(event, 2)
    mask = torch.zeros(6, dtype=torch.bool)
    mask[list(MISSING[where])] = True
    x = torch.tensor([1.0, 0, 0, 1, 1, 0]).masked_fill(mask, torch.nan).view(event)
    completed = model.complete(x.expand(1500, *event), mask.view(event), sweeps=12, generator=seeded())
    agree = (images.flatten(1) == x.flatten())[:, ~mask].all(dim=1)  # the images that have the known part
    conditional = model.log_prob(images).masked_fill(~agree, -torch.inf).softmax(dim=0)
    assert torch.equal(completed.flatten(1)[:, ~mask], x.flatten()[~mask].expand(1500, -1))
    assert frequencies_fit(completed, images, conditional)


def test_completion_takes_images_however_they_lie_in_memory():
    model, x = FVSBN((3, 2, 2)), torch.zeros(2, 3, 2, 2).to(memory_format=torch.channels_last)
    mask = torch.tensor([[True, False], [False, True]])
    completed = model.complete(x, mask, generator=seeded())
    assert torch.equal(completed, model.complete(x.contiguous(), mask, generator=seeded()))
    assert x.eq(0).all() and completed.ne(0).any()  # a new tensor


def test_each_image_of_a_batch_may_miss_something_else(randomised, every_image):
    model, images = randomised(KINDS["PixelCNN"]((1, 2, 2), 3), scale=0.6), every_image((1, 2, 2), 3)
    mask = torch.tensor([[True, False, False, False], [False, False, True, True]]).view(2, 1, 2, 2)
    x = torch.tensor([[0, 0.5, 1, 0], [1, 0.5, 0, 0]]).view(2, 1, 2, 2)
    completed = model.complete(x.repeat(1500, 1, 1, 1), mask.repeat(1500, 1, 1, 1), generator=seeded())
    for b in range(2):
        agree = ((images == x[b]) | mask[b]).flatten(1).all(dim=1)
        conditional = model.log_prob(images).masked_fill(~agree, -torch.inf).softmax(dim=0)
        assert frequencies_fit(completed[b::2], images, conditional)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "MADE, 3 orderings"])
@pytest.mark.parametrize("space", SPACES)
def test_the_conditionals_sum_to_the_likelihood(kind, space, build, every_image):
    model, x = build(kind, space), every_image(*SPACES[space])[::17]
    conditionals = model.log_conditionals(x)
    assert conditionals.shape == x.shape and (conditionals < 0).all()
    torch.testing.assert_close(conditionals.flatten(1).sum(1), model.log_prob(x))


@cases()
def test_results_do_not_depend_on_the_batch_size(kind, space, build, every_image):
    model, x = build(kind, space), every_image(*SPACES[space])[::29]
    torch.testing.assert_close(torch.cat([model.log_prob(row) for row in x.split(1)]), model.log_prob(x))


@cases("binary")
def test_gradients_reach_what_the_masks_allow_and_nothing_else(kind, space, build, every_image):
    model = build(kind, space)
    model.loss(every_image(*SPACES[space])).backward()
    masks = {
        "FVSBN": lambda: [(model.weight, model.mask.view_as(model.weight))],
        "MADE": lambda: [(layer.weight, model.get_buffer(f"mask_{i}")[0]) for i, layer in enumerate(model.layers)],
        "PixelCNN": lambda: [(m.weight, m.mask) for m in model.modules() if hasattr(m, "groups_in")],
    }
    if kind in masks:
        for weight, mask in masks[kind]():
            assert torch.equal(weight.grad * mask, weight.grad)
            assert (weight.grad != 0).any()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@cases("colour")
def test_state_dict_round_trip(kind, space, build):
    model, other = build(kind, space, seed=0), build(kind, space, seed=1)
    x = model.sample(20, generator=seeded())
    assert not torch.equal(model.log_prob(x), other.log_prob(x))
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.log_prob(x), other.log_prob(x))
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}  # masks follow from the shape


@pytest.mark.parametrize("kind", KINDS)
def test_fit_finds_a_distribution(kind, every_image):
    images = every_image((1, 2, 2), 2)[[0, 3, 5, 15]]
    data = images.repeat(64, 1, 1, 1)
    torch.manual_seed(0)
    model = KINDS[kind]((1, 2, 2), 2)
    model.learning_rate = 0.05
    before = model.log_prob(data).mean().item()
    history = ck.fit(model, data, epochs=12, batch_size=16, progress=False)
    after = model.log_prob(data).mean().item()
    assert len(history["loss"]) == 12
    assert before < after <= torch.tensor(0.25).log().item() + 1e-5  # the entropy of four equal images
    assert after > (-2.4 if kind == "FVSBN" else -1.6)


@pytest.mark.parametrize(("levels", "x"), [(2, 0.5), (2, 2.0), (4, 0.5), (256, 0.001), (3, -0.5), (2, float("nan"))])
def test_other_values_than_the_levels_are_refused(levels, x):
    model = FVSBN((1, 2, 2), levels)
    with pytest.raises(ValueError, match=f"x must hold {levels} levels"):
        model.log_prob(torch.full((3, 1, 2, 2), x))
    with pytest.raises(ValueError, match=f"x must hold {levels} levels"):
        model.complete(torch.full((3, 1, 2, 2), x), torch.tensor([[True, True], [False, False]]))


def test_images_of_bytes_are_accepted():
    x = torch.arange(256).float().view(64, 1, 2, 2) / 255
    assert FVSBN((1, 2, 2), 256).log_prob(x).exp().mean().item() == pytest.approx(256.0**-4, rel=1e-4)


@pytest.mark.parametrize("levels", [1, 257])
def test_unknown_numbers_of_levels(levels):
    with pytest.raises(ValueError, match=f"levels must be between 2 and 256, was {levels}"):
        FVSBN((1, 2, 2), levels)


def test_labels_where_there_are_no_classes():
    model = FVSBN((1, 2, 2))
    for call in (lambda y: model.log_prob(torch.zeros(3, 1, 2, 2), y), lambda y: model.sample(3, labels=y)):
        with pytest.raises(ValueError, match="FVSBN: labels were given, but the model was built without classes"):
            call(torch.zeros(3, dtype=torch.long))


def test_the_base_class_says_what_is_missing():
    class Nothing(Autoregressive):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define logits"):
        Nothing((2,)).log_prob(torch.zeros(1, 2))


def test_a_sequence_has_its_own_order(randomised, every_image):
    model = randomised(MADE((5,), (12,), 3))
    assert model.order == [0, 1, 2, 3, 4]
    assert model.log_prob(every_image((5,), 3)).double().logsumexp(0).item() == pytest.approx(0, abs=1e-5)
    assert model.sample(4, generator=seeded()).shape == (4, 5)

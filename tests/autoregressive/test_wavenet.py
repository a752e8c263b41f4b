"""WaveNet against enumeration, automatic derivatives, its formula written out, and its own slow loop."""

import copy

import pytest
import torch
from scipy.stats import chisquare
from torch.nn.functional import conv1d
from torch.utils.flop_counter import FlopCounterMode

import coursekit as ck
from coursekit.autoregressive import Autoregressive, WaveNet
from coursekit.autoregressive.wavenet import Queues

SHAPES = {
    "kernel 2": {"dilations": (1, 2, 4)},
    "two stacks": {"dilations": (1, 2, 1, 2)},
    "kernel 3": {"dilations": (1, 3), "kernel": 3},
    "one layer": {"dilations": (2,), "skip": 5},
}


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def build(randomised):
    def make(shape, length=5, levels=3, seed=0, **options):
        return randomised(WaveNet(length, levels, width=4, **SHAPES[shape], **options), seed)

    return make


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_probabilities_of_all_sequences_sum_to_one(build, every_image, shape, levels, seed):
    model = build(shape, levels=levels, seed=seed)
    total = model.log_prob(every_image((5,), levels)).double().logsumexp(0)
    assert total.item() == pytest.approx(0, abs=1e-5)


def seen(model, length):
    """Whether the logits at i change with what is embedded at j, the value before it shifted back: (T, T)."""
    generator = seeded(0)
    with torch.no_grad():
        for parameter in model.double().parameters():  # positive, so that nothing is shut and no two paths cancel
            parameter.copy_(0.1 * torch.rand(parameter.shape, generator=generator))
    h = torch.rand(1, length, model.embedding.embedding_dim, generator=generator, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda h: model.predict(h).view(1, length, -1).sum(2), h)
    places = jacobian[0, :, 0].ne(0).any(dim=2)  # (T, T): h at place j holds the value of place j - 1
    return torch.cat([places[:, 1:], torch.zeros(length, 1, dtype=torch.bool)], dim=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_value_depends_on_its_receptive_field_and_on_nothing_else(shape):
    length = 20
    model = WaveNet(length, 3, width=4, **SHAPES[shape])
    i, j = torch.arange(length).unsqueeze(1), torch.arange(length)
    if shape == "one layer":  # a kernel of two with a hole in it
        expected = (j == i - 1) | (j == i - 3)
    else:
        expected = (j < i) & (j >= i - model.receptive_field)
    assert torch.equal(seen(model, length), expected)


@pytest.mark.parametrize(
    ("dilations", "kernel", "reach"),
    [((1,), 2, 2), ((1, 2, 4, 8), 2, 16), (tuple(2**i for i in range(10)), 2, 1024), ((1, 2, 4) * 2, 3, 29)],
)
def test_the_receptive_field(dilations, kernel, reach):
    assert WaveNet(8, 4, 2, dilations, kernel).receptive_field == reach


@pytest.mark.parametrize("shape", ["kernel 2", "kernel 3"])
def test_changing_a_value_changes_nothing_before_it_and_something_after_it(build, shape):
    model = build(shape, length=16).double()
    x = torch.randint(3, (1, 16), generator=seeded()).double() / 2
    before = model.logits(x)
    for j in range(16):
        other = x.clone()
        other[0, j] = (x[0, j] + 0.5) % 1.5
        changed = (model.logits(other) - before).abs().amax(dim=2)[0] > 1e-12
        assert not changed[: j + 1].any()
        assert changed[j + 1 : j + 1 + model.receptive_field].all()
        assert not changed[j + 1 + model.receptive_field :].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_it_follows_its_formula(build, shape):
    """By torch's own dilated convolution over one-hot values, padded on the left."""
    model = build(shape, length=11, classes=2).double()
    x = torch.randint(3, (2, 11), generator=seeded())
    one_hot = torch.nn.functional.one_hot(x, 3).double()  # (2, 11, 3)
    h = (one_hot @ model.embedding.weight).transpose(1, 2)  # (2, 4, 11)
    h = torch.cat([torch.zeros(2, 4, 1), h[:, :, :-1]], dim=2)
    labels, total = torch.tensor([1, 0]), 0.0
    for layer in model.layers:
        kernel = layer.look.weight.unflatten(1, (layer.kernel, 4)).transpose(1, 2)  # (8, 4, k)
        padded = torch.cat([torch.zeros(2, 4, layer.dilation * (layer.kernel - 1)), h], dim=2)
        gates = conv1d(padded, kernel, layer.look.bias, dilation=layer.dilation)
        gates = gates + layer.classes.weight[labels].unsqueeze(2)
        z = torch.tanh(gates[:, :4]) * torch.sigmoid(gates[:, 4:])
        total = total + conv1d(z, layer.skip.weight.unsqueeze(2), layer.skip.bias)
        if layer.residual is not None:
            h = h + conv1d(z, layer.residual.weight.unsqueeze(2))
    hidden = conv1d(total.relu(), model.hidden.weight.unsqueeze(2), model.hidden.bias)
    expected = conv1d(hidden.relu(), model.output.weight.unsqueeze(2), model.output.bias).transpose(1, 2)
    torch.testing.assert_close(model.logits(x.double() / 2, labels), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [2, 3, 256])
def test_cached_sampling_draws_what_the_plain_loop_draws(build, shape, levels):
    model = build(shape, length=40, levels=levels)
    draws = model.sample(20, generator=seeded())
    assert torch.equal(draws, model.sample(20, generator=seeded(), cached=False))
    assert draws.shape == (20, 40) and (draws != draws[0]).any()
    assert torch.equal(draws[:3], model.sample(3, generator=seeded()))  # whatever the size of the batch
    assert torch.equal(draws[:, :25], model.sample(20, generator=seeded(), length=40)[:, :25])


def test_and_so_does_a_conditional_one(build):
    model = build("two stacks", length=30, classes=3)
    labels = torch.arange(12) % 3
    draws = model.sample(12, labels=labels, generator=seeded())
    assert torch.equal(draws, model.sample(12, labels=labels, generator=seeded(), cached=False))
    assert not torch.equal(draws, model.sample(12, labels=2 - labels, generator=seeded()))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_steps_are_the_logits(build, shape):
    model = build(shape, length=30, classes=2)
    x, labels = torch.randint(3, (4, 30), generator=seeded()) / 2, torch.tensor([0, 1, 1, 0])
    whole = model.logits(x, labels)
    window = torch.stack(list(model.plain_steps(x, labels)), dim=1)
    queues = torch.stack(list(model.steps(x, labels)), dim=1)
    reference = torch.stack(list(WaveNet.__mro__[1].plain_steps(model, x, labels)), dim=1)
    torch.testing.assert_close(window, whole)
    torch.testing.assert_close(reference, whole)
    assert queues.dtype == torch.float64
    exact = copy.deepcopy(model).double().logits(x.double(), labels)
    torch.testing.assert_close(queues, exact, rtol=1e-11, atol=1e-11)


def test_the_plain_loop_passes_over_the_receptive_field_and_no_more(build, monkeypatch):
    model, lengths = build("kernel 2", length=30), []
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda h, labels=None: lengths.append(h.shape[1]) or predict(h, labels))
    list(model.plain_steps(torch.zeros(1, 30)))
    assert model.receptive_field == 8 and lengths == [min(t + 1, 8) for t in range(30)]


def test_where_rounding_could_decide_the_float64_network_does(build, monkeypatch):
    """Uniform numbers that lie on an edge of the float64 network, to the last digit of float32."""
    sides = set()
    for seed in range(12):
        model = build("kernel 2", length=3, levels=4, seed=seed)
        edge = next(model.steps(torch.zeros(1, 3))).softmax(dim=1).cumsum(dim=1)[0, 1]
        uniform = edge.float().expand(2, 3)
        monkeypatch.setattr(model, "_uniform", lambda n, k, generator, uniform=uniform: uniform)
        draws = model.sample(2)
        assert torch.equal(draws, model.sample(2, cached=False))
        above = uniform[0, 0].double() >= edge
        assert (draws[:, 0] * 3).round().tolist() == ([2, 2] if above else [1, 1])
        sides.add(above.item())
    assert sides == {True, False}  # some fall on this side of the edge and some on that


def test_all_cached_steps_together_cost_one_pass(randomised):
    model = randomised(WaveNet(64, 16, 8, (1, 2, 4, 8)))
    with FlopCounterMode(display=False) as cached:
        model.sample(4, generator=seeded())
    with FlopCounterMode(display=False) as one_pass, torch.no_grad():
        model.logits(torch.zeros(4, 64))
    assert cached.get_total_flops() == one_pass.get_total_flops()


def test_each_layer_keeps_as_many_inputs_as_it_reaches_back(build):
    model = build("kernel 3", length=9)
    assert len(Queues(model, 2, None).rings) == sum(layer.reach for layer in model.layers) == model.receptive_field - 1


def frequencies_fit(draws, sequences, probabilities):
    """Whether draws come as often as their probabilities say."""
    counts = (draws.unsqueeze(1) == sequences).all(dim=2).sum(dim=0).double()
    assert counts.sum() == len(draws)
    expected = probabilities.double() * len(draws)
    rare = expected < 5
    counts = torch.cat([counts[~rare], counts[rare].sum(0, keepdim=True)])
    expected = torch.cat([expected[~rare], expected[rare].sum(0, keepdim=True)])
    counts, expected = counts[expected > 0], expected[expected > 0]
    return chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("levels", [2, 3])
def test_draws_come_as_often_as_their_probability_says(build, every_image, levels):
    model, sequences = build("kernel 2", length=4, levels=levels), every_image((4,), levels)
    draws = model.sample(4000, generator=seeded())
    assert frequencies_fit(draws, sequences, model.log_prob(sequences).detach().exp())


def test_each_class_has_a_distribution_of_its_own(build, every_image):
    model, sequences = build("kernel 2", classes=2), every_image((5,), 3)
    for label in range(2):
        labels = torch.full((len(sequences),), label)
        log_prob = model.log_prob(sequences, labels).detach()
        assert log_prob.double().logsumexp(0).item() == pytest.approx(0, abs=1e-5)
        draws = model.sample(3000, labels=labels[:1].expand(3000), generator=seeded())
        assert frequencies_fit(draws, sequences, log_prob.exp())
    with pytest.raises(ValueError, match=r"WaveNet: labels must have shape \(3,\)"):
        model.sample(3)


def test_sequences_of_any_length(build, every_image):
    model = build("kernel 2", length=5)
    for length in (1, 3, 7):
        total = model.log_prob(every_image((length,), 3)).double().logsumexp(0)
        assert total.item() == pytest.approx(0, abs=1e-5)
        assert model.sample(6, length=length, generator=seeded()).shape == (6, length)
    assert model.event_shape == (5,) and model.sample(2).shape == (2, 5)
    with pytest.raises(RuntimeError), model.of_length(9):
        raise RuntimeError
    assert model.event_shape == (5,) and model.order == [0, 1, 2, 3, 4] and model.dimensions == 5


def test_it_continues_a_beginning(build, every_image):
    model, endings = build("kernel 2", length=3), every_image((2,), 3)
    beginning = torch.tensor([0.5, 1, 0, 0.5])
    x = torch.cat([beginning, torch.zeros(2)]).expand(3000, 6)
    completed = model.complete(x, torch.arange(6) >= 4, generator=seeded())
    assert torch.equal(completed[:, :4], x[:, :4])
    whole = torch.cat([beginning.expand(9, 4), endings], dim=1)
    assert frequencies_fit(completed[:, 4:], endings, model.log_prob(whole).detach().softmax(dim=0))


def test_results_do_not_depend_on_the_batch_size(build, every_image):
    model, x = build("two stacks"), every_image((5,), 3)[::19]
    torch.testing.assert_close(torch.cat([model.log_prob(row) for row in x.split(1)]), model.log_prob(x))
    torch.testing.assert_close(model.log_conditionals(x).sum(dim=1), model.log_prob(x))


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_reach_every_parameter_and_are_right(build, shape):
    model = build(shape, length=9, classes=2).double()
    x, labels = torch.randint(3, (6, 9), generator=seeded()).double() / 2, torch.arange(6) % 2
    model.loss((x, labels)).backward()
    for parameter in model.parameters():
        assert parameter.grad.abs().sum() > 0
        place = parameter.grad.abs().flatten().argmax()
        values, slopes = parameter.data.view(-1), []
        kept = values[place].item()
        for step in (1e-6, -1e-6):
            values[place] = kept + step
            slopes.append(model.loss((x, labels)).item())
        values[place] = kept
        slope = (slopes[0] - slopes[1]) / 2e-6
        assert parameter.grad.flatten()[place].item() == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_state_dict_round_trip(build):
    model, other = build("kernel 3", seed=0), build("kernel 3", seed=1)
    x = model.sample(7, generator=seeded())
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.log_prob(x), other.log_prob(x))


def test_fit_learns_a_wave_and_its_class():
    phase = torch.arange(40) % 8
    shapes = torch.stack([(phase < 4).float(), (phase % 4 < 2).float()])  # two square waves, one twice as high
    labels = torch.arange(128) % 2
    shifts = torch.randint(8, (128,), generator=seeded())
    x = torch.stack([shapes[y].roll(int(s)) for y, s in zip(labels, shifts, strict=True)])
    torch.manual_seed(0)
    model = WaveNet(40, 2, 8, (1, 2, 4), classes=2)
    model.learning_rate = 0.01
    ck.fit(model, ck.data.Clips(x, labels), epochs=20, batch_size=16, progress=False)
    per_value = -model.log_conditionals(x, labels)[:, 8:].mean().item()
    assert per_value < 0.05 < -model.log_conditionals(x, 1 - labels)[:, 8:].mean().item()
    draws = model.sample(8, labels=labels[:8], generator=seeded())
    assert torch.equal(draws[::2, 20:28], draws[::2, 28:36]) and torch.equal(draws[1::2, 20:24], draws[1::2, 24:28])


def test_it_is_an_autoregressive_model_of_levels():
    model = WaveNet(4, 3, 4, (1,))
    assert isinstance(model, Autoregressive)
    with pytest.raises(ValueError, match="x must hold 3 levels"):
        model.log_prob(torch.full((1, 4), 0.3))


@pytest.mark.parametrize("options", [{"dilations": ()}, {"dilations": (1, 0)}, {"kernel": 1}])
def test_what_a_wavenet_needs(options):
    with pytest.raises(ValueError, match="WaveNet: dilations must be at least 1 each, and kernel at least 2"):
        WaveNet(4, 3, 4, **options)

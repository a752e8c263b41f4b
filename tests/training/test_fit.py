"""The training loop: what it computes, what it leaves alone, and what it refuses."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import coursekit as ck
from coursekit.training import Adversarial, Model, adam


class LinearRegression(Model):
    """y = w x + b on rows (x, y): its optimum is known in closed form."""

    learning_rate = 0.05

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)

    def loss(self, batch: Tensor) -> Tensor:
        return (self.line(batch[:, :1]) - batch[:, 1:]).square().mean()


class NoisyScalar(Model):
    """A loss with noise of its own: what a seed must make repeatable."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))

    def loss(self, batch: Tensor) -> Tensor:
        return (self.value + torch.randn(len(batch)) - batch).square().mean()


class TinyGame(Adversarial):
    """A shift against a logistic discriminator on the line: two optimisers, alternating."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1))
        self.discriminator = nn.Linear(1, 1)

    def configure_optimizers(self):
        return {"discriminator": adam(self.discriminator.parameters(), 1e-2), "generator": adam([self.shift], 1e-2)}

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        softplus = nn.functional.softplus
        return softplus(-self.discriminator(real)).mean() + softplus(self.discriminator(fake)).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        return nn.functional.softplus(-self.discriminator(fake)).mean()

    def training_step(self, batch, optimizers):
        fake = self.shift + torch.zeros_like(batch)
        discriminator_loss = self.discriminator_loss(batch, fake.detach())
        optimizers["discriminator"].minimise(discriminator_loss)
        generator_loss = self.generator_loss(fake)
        optimizers["generator"].minimise(generator_loss)
        return {"discriminator": discriminator_loss.detach(), "generator": generator_loss.detach()}


@pytest.fixture
def line() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 1, generator=generator)
    return torch.cat([x, 3 * x - 1], dim=1)  # (200, 2)


def test_training_reaches_the_closed_form_optimum(line):
    model = LinearRegression()
    ck.fit(model, line, epochs=100, batch_size=20, progress=False)
    assert model.line.weight.item() == pytest.approx(3.0, abs=1e-3)
    assert model.line.bias.item() == pytest.approx(-1.0, abs=1e-3)
    assert not model.training


def test_one_epoch_equals_the_loop_written_out(line):
    """The same batches, the same Adam, the same weights: fit adds nothing of its own."""
    torch.manual_seed(0)
    model = LinearRegression()
    reference = copy.deepcopy(model)
    history = ck.fit(model, line, epochs=2, batch_size=64, seed=5, device="cpu", progress=False)

    optimizer = torch.optim.Adam(reference.parameters(), lr=0.05)
    order = torch.Generator().manual_seed(5)
    losses = []
    for _ in range(2):
        total = 0.0
        for index in torch.randperm(200, generator=order).split(64):
            loss = reference.loss(line[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
        losses.append(total / 200)
    torch.testing.assert_close(model.state_dict(), reference.state_dict())
    assert history["loss"] == pytest.approx(losses, rel=1e-5)


def test_same_seed_same_result_and_the_global_state_is_left_alone():
    data = torch.randn(50, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(123)
    before = torch.get_rng_state()
    runs = []
    for seed in (0, 0, 1):
        model = NoisyScalar()
        ck.fit(model, data, epochs=3, batch_size=10, seed=seed, progress=False)
        runs.append(model.value.item())
    assert runs[0] == runs[1] != runs[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_validation_uses_the_same_noise_every_epoch():
    """With a learning rate of zero nothing changes, so the validation loss must not either."""
    model = NoisyScalar()
    model.learning_rate = 0.0
    history = ck.fit(model, torch.zeros(40), epochs=4, validation=torch.zeros(30), progress=False)
    assert len(set(history["validation"])) == 1
    assert len(set(history["loss"])) == 4


def test_early_stopping_restores_the_best_weights(line):
    """Validation data on which training makes things worse from the first epoch on."""
    model = LinearRegression()
    opposite = line * torch.tensor([1.0, -1.0])
    history = ck.fit(model, line, epochs=50, validation=opposite, patience=3, progress=False)
    best = min(history["validation"])
    assert len(history["validation"]) == history["validation"].index(best) + 1 + 3 < 50
    assert model.loss(opposite).item() == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("ema", [0.2, 0.9])
def test_ema_of_the_weights_is_the_recursion(line, ema):
    """One batch an epoch, so that the average can be written out; the first step copies the weights."""
    torch.manual_seed(0)
    model = LinearRegression()
    plain = copy.deepcopy(model)
    weights = []
    for epochs in (1, 2, 3):
        stepped = copy.deepcopy(plain)
        ck.fit(stepped, line, epochs=epochs, batch_size=200, progress=False)
        weights.append(stepped.line.weight.item())
    ck.fit(model, line, epochs=3, batch_size=200, ema=ema, progress=False)
    average = weights[0]
    for step, weight in enumerate(weights[1:], start=1):
        decay = min(ema, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weight
    assert model.line.weight.item() == pytest.approx(average, rel=1e-5)


@pytest.mark.parametrize("ema", [None, 0.9])
def test_what_is_done_after_an_epoch_sees_the_evaluated_model_and_disturbs_nothing(ema):
    data = torch.ones(64)
    watched = NoisyScalar()
    seen, noise = [], []

    def watch(epoch: int, model: Model) -> None:
        assert not model.training and not torch.is_grad_enabled()
        seen.append((epoch, model.value.item()))
        noise.append(torch.randn(1).item())

    options = {"batch_size": 8, "ema": ema, "progress": False}
    ck.fit(watched, data, epochs=3, after_epoch=watch, **options)
    for epoch in (1, 2, 3):
        alone = NoisyScalar()
        ck.fit(alone, data, epochs=epoch, **options)
        assert seen[epoch - 1] == (epoch, alone.value.item())
    assert watched.value.item() == alone.value.item()  # the drawing left the noise of training alone
    assert len(set(noise)) == 1


@pytest.mark.parametrize("before", [True, False])
def test_denormal_numbers_are_zero_during_training_and_as_before_after_it(before):
    def rounded() -> bool:
        return (torch.tensor(1e-40) * 1).item() == 0

    during = []
    if not torch.set_flush_denormal(before):
        pytest.skip("this processor cannot round denormal numbers to zero")
    try:
        ck.fit(NoisyScalar(), torch.ones(8), epochs=1, after_epoch=lambda *_: during.append(rounded()), progress=False)
        assert during == [True]
        assert rounded() == before
    finally:
        torch.set_flush_denormal(False)


def test_clipping_bounds_the_gradient():
    """With SGD and learning rate 1, the step is the clipped gradient."""

    class Steep(LinearRegression):
        def configure_optimizers(self):
            return {"model": torch.optim.SGD(self.parameters(), lr=1.0)}

    model = Steep()
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    ck.fit(model, torch.tensor([[100.0, 1e4]]), epochs=1, clip=0.5, progress=False)
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.5, rel=1e-4)


def test_loaders_tensors_and_indexable_data_train_alike(line):
    class Rows:
        def __init__(self, rows):
            self.rows = rows

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            return self.rows[index]

        def to(self, device):
            return Rows(self.rows.to(device))

    results = []
    for data in (line, Rows(line), DataLoader(line, batch_size=200)):
        torch.manual_seed(0)
        model = LinearRegression()
        ck.fit(model, data, epochs=3, batch_size=200, progress=False)
        results.append(model.line.weight.item())
    assert results == pytest.approx([results[0]] * 3, rel=1e-5)


def test_two_optimisers_play_a_game():
    """The equilibrium of the tiny game is at the mean of the data."""
    torch.manual_seed(0)
    data = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0)) * 0.5 + 2
    model = TinyGame()
    history = ck.fit(model, data, epochs=60, ema=0.99, progress=False)
    assert model.shift.item() == pytest.approx(2.0, abs=0.4)
    assert set(history) == {"discriminator", "generator"}


def test_bfloat16_trains_with_the_parameters_in_float32(line):
    model = LinearRegression()
    history = ck.fit(model, line, epochs=60, precision="bf16", device="cpu", progress=False)
    assert model.line.weight.dtype == torch.float32
    assert history["loss"][-1] < 0.05 < history["loss"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, was 0"),
        ({"batch_size": -3}, "batch_size must be at least 1, was -3"),
        ({"ema": 1.0}, "ema must lie strictly between 0 and 1, was 1.0"),
        ({"precision": "8"}, "precision must be one of"),
        ({"precision": "16", "device": "cpu"}, "needs a CUDA device"),
        ({"patience": 2}, "patience needs validation"),
        ({"data": torch.empty(0, 2)}, "data must hold at least one example"),
    ],
)
def test_arguments_out_of_range_are_named(line, options, message):
    arguments = {"data": line, "epochs": 1, "progress": False} | options
    with pytest.raises(ValueError, match=message):
        ck.fit(LinearRegression(), **arguments)


def test_a_diverging_loss_is_an_error():
    with pytest.raises(FloatingPointError, match="loss became nan"):
        ck.fit(LinearRegression(), torch.full((4, 2), math.nan), epochs=1, progress=False)


def test_history_names_what_it_has(line):
    history = ck.fit(LinearRegression(), line, epochs=2, validation=line, progress=False)
    assert list(history) == ["loss", "validation"]
    with pytest.raises(KeyError, match="it recorded"):
        history["accuracy"]
    figure = history.plot()
    assert [line.get_label() for line in figure.axes[0].lines] == ["loss", "validation"]


def test_devices_are_found_in_order(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert ck.device().type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert ck.device().type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert ck.device().type == "cuda"

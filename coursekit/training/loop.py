"""The one training loop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from coursekit.training import checkpoint as checkpoints
from coursekit.training.history import History
from coursekit.training.model import Model
from coursekit.training.single import SingleDevice, batch_length
from coursekit.training.single import device as best_device


def fit(
    model: Model,
    data: Any,
    *,
    epochs: int,
    batch_size: int = 128,
    validation: Any = None,
    patience: int | None = None,
    ema: float | None = None,
    precision: str = "32",
    clip: float | None = None,
    checkpoint: str | Path | None = None,
    device: torch.device | str | None = None,
    devices: int = 1,
    seed: int = 0,
    after_epoch: Callable[[int, Model], object] | None = None,
    progress: bool = True,
) -> History:
    """Train ``model`` on ``data`` and leave it in evaluation mode on the device it was trained on.

    Parameters
    ----------
    model
        What to train: its ``training_step`` sees every batch, its ``loss`` every validation batch.
    data
        A tensor (N, ...); or anything with ``len``, indexing by a tensor of indices and ``to(device)``, which is
        moved to the device once and shuffled each epoch; or a ``DataLoader``, for what does not fit there.
    epochs, batch_size
        How many passes over the data, in batches of how many examples over all processes.
    validation, patience
        Data on which the mean loss is recorded each epoch as ``"validation"``, always with the same noise. With
        ``patience``, training stops after that many epochs without a new best and the best weights are restored.
    ema
        Decay of an exponential moving average of the weights (0.999, say), which is then validated and returned.
        Step t uses min(ema, (1 + t) / (10 + t)), so that the first weights, which were random, are soon forgotten.
    precision
        ``"32"``, ``"bf16"``, or ``"16"`` (CUDA only): the precision of the operations that bear it.
    clip
        Largest norm of the gradients of one optimiser.
    checkpoint
        A file written after every epoch. If it exists, training resumes from it, exactly as if it had not stopped.
    device, devices
        Where to train (default: `coursekit.device`), and in how many processes, one a device.
    seed
        Of the order of the data and of the noise. The caller's global random state is left as it was.
    after_epoch
        Called with the number of epochs done and the model, with its averaged weights if ``ema``, in evaluation mode:
        to draw samples or to compute a metric. It draws the same noise each time and leaves training as it is.
    progress
        Whether to show a progress bar.

    Raises
    ------
    ValueError
        If an argument is out of its range; the message names it.
    FloatingPointError
        If the loss stops being a finite number.
    coursekit.training.CheckpointError
        If ``checkpoint`` is damaged or comes from a run with other settings.
    """
    _check(epochs=epochs, batch_size=batch_size, devices=devices, length=len(data), ema=ema)
    if patience is not None and validation is None:
        raise ValueError("fit: patience needs validation data to watch; validation was None")
    place = _place(device, devices, precision, clip)
    data, validation = _move(data, place.device), _move(validation, place.device)
    settings = {
        "batch_size": batch_size,
        "seed": seed,
        "examples": len(data),
        "processes": place.world,
        "ema": ema,
    }
    path = Path(checkpoint) if checkpoint is not None else None

    with _isolated_random_state(place.device, seed + place.rank), _denormals_flushed():
        trained, optimizers = place.set_up(model)
        averaged = AveragedModel(model, multi_avg_fn=_moving_average(ema)) if ema is not None else None
        evaluated: Any = model if averaged is None else averaged.module
        run = _Run(model, optimizers, averaged, torch.Generator().manual_seed(seed))
        if path is not None and path.exists():
            run.load_state_dict(checkpoints.load(path, settings), place.device)

        # Left unset, `disable` follows the environment variable TQDM_DISABLE: executed notebooks show no bars.
        hidden: dict[str, Any] = {} if progress and place.rank == 0 else {"disable": True}
        bar = tqdm(range(run.epoch, epochs), initial=run.epoch, total=epochs, unit="epoch", leave=False, **hidden)
        for _ in bar:
            if patience is not None and run.epochs_since_best >= patience:
                break
            model.train()
            mean = _Mean()
            for batch in place.batches(data, batch_size, run.order):
                with place.autocast():
                    # `trained` may be a wrapper of the model that synchronises gradients: the step must run on it.
                    scalars = type(model).training_step(trained, batch, optimizers)
                mean.add(scalars, batch_length(batch))
                if averaged is not None:
                    averaged.update_parameters(model)
            record = mean.result(place)
            if validation is not None:
                record["validation"] = _validate(evaluated, validation, batch_size, place)
            run.finish_epoch(record, evaluated.state_dict() if patience is not None else None)
            bar.set_postfix({name: f"{value:.4g}" for name, value in record.items()})
            if after_epoch is not None and place.rank == 0:
                evaluated.eval()
                with torch.no_grad(), _isolated_random_state(place.device, seed=0):
                    after_epoch(run.epoch, evaluated)
            if path is not None and place.rank == 0:
                checkpoints.save(path, {"settings": settings, **run.state_dict()})

    if averaged is not None:
        model.load_state_dict(averaged.module.state_dict())
    if run.best_weights is not None:
        model.load_state_dict(run.best_weights)
    model.eval()
    return run.history


def _moving_average(decay: float) -> Any:
    def update(averaged: Any, current: Any, step: Tensor) -> None:
        t = int(step)
        get_ema_multi_avg_fn(min(decay, (1 + t) / (10 + t)))(averaged, current, step)

    return update


class _Run:
    """Everything that a resumed run must find as the killed one left it."""

    def __init__(self, model: Model, optimizers: Any, averaged: AveragedModel | None, order: torch.Generator) -> None:
        self.model, self.optimizers, self.averaged, self.order = model, optimizers, averaged, order
        self.epoch = 0
        self.history = History()
        self.best = float("inf")
        self.best_weights: dict[str, Tensor] | None = None
        self.epochs_since_best = 0

    def finish_epoch(self, record: dict[str, float], weights: dict[str, Tensor] | None) -> None:
        self.epoch += 1
        self.history.append(record)
        if weights is None:
            return
        self.epochs_since_best += 1
        if record["validation"] < self.best:
            self.best, self.best_weights, self.epochs_since_best = (
                record["validation"],
                copy.deepcopy(weights),
                0,
            )

    def state_dict(self) -> dict[str, Any]:
        cuda = self.model.device.type == "cuda"
        return {
            "model": self.model.state_dict(),
            "averaged": None if self.averaged is None else self.averaged.state_dict(),
            "optimizers": {name: o.optimizer.state_dict() for name, o in self.optimizers.items()},
            "scalers": {name: o.scaler.state_dict() for name, o in self.optimizers.items() if hasattr(o, "scaler")},
            "order": self.order.get_state(),
            "noise": torch.get_rng_state(),
            "noise_cuda": torch.cuda.get_rng_state(self.model.device) if cuda else None,
            "epoch": self.epoch,
            "history": self.history.state_dict(),
            "best": self.best,
            "best_weights": self.best_weights,
            "epochs_since_best": self.epochs_since_best,
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        self.model.load_state_dict(state["model"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        for name, optimizer in self.optimizers.items():
            optimizer.optimizer.load_state_dict(state["optimizers"][name])
            if name in state["scalers"]:
                optimizer.scaler.load_state_dict(state["scalers"][name])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["noise"])
        if state["noise_cuda"] is not None:
            torch.cuda.set_rng_state(state["noise_cuda"], device)
        self.epoch = state["epoch"]
        self.history = History(state["history"])
        self.best, self.best_weights = state["best"], state["best_weights"]
        self.epochs_since_best = state["epochs_since_best"]


class _Mean:
    """Running means of scalars, weighted by examples; on the device, so that no step waits for a number."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}
        self.examples: dict[str, int] = {}  # by name: a player may not move at every step

    def add(self, scalars: dict[str, Tensor], examples: int) -> None:
        for name, value in scalars.items():
            total = self.totals.get(name)
            self.totals[name] = value * examples if total is None else total + value * examples
            self.examples[name] = self.examples.get(name, 0) + examples

    def result(self, place: Any) -> dict[str, float]:
        means = {name: place.mean(total / self.examples[name]).item() for name, total in self.totals.items()}
        for name, value in means.items():
            if value != value or abs(value) == float("inf"):
                raise FloatingPointError(
                    f"fit: {name} became {value}; a smaller learning rate or clip=1.0 usually helps"
                )
        return means


def _validate(model: Any, data: Any, batch_size: int, place: Any) -> float:
    """The mean loss on ``data``, with the same noise each time so that epochs can be compared."""
    model.eval()
    mean = _Mean()
    with torch.no_grad(), _isolated_random_state(place.device, seed=0):
        for batch in place.batches(data, batch_size, None):
            mean.add({"validation": model.loss(batch)}, batch_length(batch))
    return mean.result(place)["validation"]


@contextmanager
def _isolated_random_state(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's global generators inside the block and give the caller's state back after it."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Round numbers below 1e-38 to zero inside the block.

    Adam's averages of gradients that are nearly always zero, as those of a digit's border are, fade into such numbers,
    and most processors compute with them many times slower.
    """
    already = (torch.tensor(1e-40) * 1).item() == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(already)


def _place(device: torch.device | str | None, devices: int, precision: str, clip: float | None) -> Any:
    chosen = torch.device(device) if device is not None else best_device()
    if devices == 1:
        return SingleDevice(chosen, precision, clip)
    from coursekit.training.distributed import SeveralDevices  # costs a second and needs an extra package

    return SeveralDevices(chosen, devices, precision, clip)


def _move(data: Any, device: torch.device) -> Any:
    return data.to(device) if hasattr(data, "to") else data


def _check(*, epochs: int, batch_size: int, devices: int, length: int, ema: float | None) -> None:
    for name, value in {"epochs": epochs, "batch_size": batch_size, "devices": devices}.items():
        if value < 1:
            raise ValueError(f"fit: {name} must be at least 1, was {value}")
    if length == 0:
        raise ValueError("fit: data must hold at least one example, was empty")
    if ema is not None and not 0 < ema < 1:
        raise ValueError(f"fit: ema must lie strictly between 0 and 1, was {ema}")

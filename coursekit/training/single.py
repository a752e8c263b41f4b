"""Training on one device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from coursekit.training.model import Model

_DTYPES = {"32": torch.float32, "bf16": torch.bfloat16, "16": torch.float16}


def device() -> torch.device:
    """The best device of this machine: CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


class Minimiser:
    """One optimiser of a run: `minimise` takes a loss and makes one step."""

    def __init__(self, optimizer: Optimizer, scaler: torch.amp.GradScaler, clip: float | None) -> None:
        self.optimizer = optimizer
        self.scaler = scaler
        self.clip = clip

    def minimise(self, loss: Tensor) -> None:
        """Zero the gradients, backpropagate ``loss``, clip the gradients' norm where asked for, step."""
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # the scaler changes nothing unless precision is "16"
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()


class SingleDevice:
    """Where and how a run computes: one process, one device."""

    rank, world = 0, 1

    def __init__(self, device: torch.device, precision: str, clip: float | None) -> None:
        if precision not in _DTYPES:
            raise ValueError(f"fit: precision must be one of {sorted(_DTYPES)}, was {precision!r}")
        if precision == "16" and device.type != "cuda":
            raise ValueError(
                f"fit: precision='16' needs a CUDA device, the run is on {device.type!r}; use '32' or 'bf16'"
            )
        self.device = device
        self.dtype = _DTYPES[precision]
        self.clip = clip
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "16")

    def set_up(self, model: Model) -> tuple[Model, dict[str, Minimiser]]:
        """The model on its device, as the training step sees it, and its optimisers."""
        model.to(self.device)
        optimizers = model.configure_optimizers()
        return model, {name: Minimiser(o, self.scaler, self.clip) for name, o in optimizers.items()}

    def autocast(self) -> AbstractContextManager[None]:
        """Lower precision for the operations that bear it."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def batches(self, data: Any, batch_size: int, order: torch.Generator | None) -> Iterator[Any]:
        """Batches of ``data`` on the device, in a fresh order of ``order``'s, or as stored where it is None."""
        if isinstance(data, DataLoader):
            for batch in data:
                yield to_device(batch, self.device)
            return
        n = len(data)
        indices = torch.arange(n) if order is None else torch.randperm(n, generator=order)  # (N,)
        for index in indices.split(batch_size):
            yield data[index.to(self.device)]

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes, of which there is one."""
        return values


def to_device(batch: Any, device: torch.device) -> Any:
    """``batch``, a tensor or a tuple or list of them, on ``device``."""
    if isinstance(batch, tuple | list):
        return tuple(to_device(part, device) for part in batch)
    return batch.to(device)


def batch_length(batch: Any) -> int:
    """How many examples a batch holds."""
    return len(batch[0]) if isinstance(batch, tuple | list) else len(batch)

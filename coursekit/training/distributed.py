"""Training in several processes, one a device, through Lightning Fabric. Imported only when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from coursekit.training.model import Model

_PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


class FabricMinimiser:
    """`coursekit.training.Minimiser` with Fabric's backward pass, which averages gradients over processes."""

    def __init__(self, fabric: Fabric, model: Any, optimizer: Optimizer, clip: float | None) -> None:
        self.fabric, self.model, self.optimizer, self.clip = fabric, model, optimizer, clip

    def minimise(self, loss: Tensor) -> None:
        """Zero the gradients, backpropagate ``loss``, clip the gradients' norm where asked for, step."""
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.clip is not None:
            self.fabric.clip_gradients(self.model, self.optimizer, max_norm=self.clip)
        self.optimizer.step()


class SeveralDevices:
    """Where and how a run computes: ``devices`` processes, each with a share of every batch."""

    def __init__(self, device: torch.device, devices: int, precision: str, clip: float | None) -> None:
        if precision not in _PRECISIONS:
            raise ValueError(f"fit: precision must be one of {sorted(_PRECISIONS)}, was {precision!r}")
        # A player of a game leaves the other's parameters out of its loss, hence find_unused_parameters.
        strategy = DDPStrategy(find_unused_parameters=True)
        self.fabric = Fabric(
            accelerator=device.type, devices=devices, strategy=strategy, precision=_PRECISIONS[precision]
        )
        self.fabric.launch()
        self.device = self.fabric.device
        self.rank, self.world = self.fabric.global_rank, self.fabric.world_size
        self.clip = clip

    def set_up(self, model: Model) -> tuple[Any, dict[str, FabricMinimiser]]:
        """The model wrapped so that its differentiated methods synchronise gradients, and its optimisers."""
        optimizers = model.to(self.device).configure_optimizers()
        wrapped, *prepared = self.fabric.setup(model, *optimizers.values())
        for method in model.differentiated:
            wrapped.mark_forward_method(method)
        return wrapped, {
            name: FabricMinimiser(self.fabric, wrapped, optimizer, self.clip)
            for name, optimizer in zip(optimizers, prepared, strict=True)
        }

    def autocast(self) -> AbstractContextManager[None]:
        """Lower precision for the operations that bear it."""
        return self.fabric.autocast()

    def batches(self, data: Any, batch_size: int, order: torch.Generator | None) -> Iterator[Any]:
        """This process's share of each batch.

        All shares are equal, so that the mean of means is the mean:
        up to ``world - 1`` examples at the end of an epoch are left out.
        """
        if isinstance(data, DataLoader):
            yield from self.fabric.setup_dataloaders(data)
            return
        n = len(data)
        indices = torch.arange(n) if order is None else torch.randperm(n, generator=order)  # (N,)
        for index in indices[: n - n % self.world].split(batch_size - batch_size % self.world):
            yield data[index[self.rank :: self.world].to(self.device)]

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes."""
        reduced = self.fabric.all_reduce(values, reduce_op="mean")
        assert isinstance(reduced, Tensor)
        return reduced

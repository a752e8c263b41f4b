"""A learning rate that falls at the end of a run, for the benchmarks that train."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from coursekit.training.model import Model


class Annealed(Model):
    """To be mixed into a model: its learning rate stays, and falls in the last third of its steps in a line to zero.

    Call `anneal` before training; the count of steps is a buffer, so that a resumed run goes on where it was.
    """

    step: Tensor

    def anneal(self, rate: float, steps: int) -> None:
        """Start at ``rate`` and reach zero after ``steps`` steps."""
        self.rate, self.steps = rate, steps
        self.register_buffer("step", torch.tensor(0))

    def training_step(self, batch: Any, optimizers: Any) -> dict[str, Tensor]:
        """One step at the rate of its place in the run."""
        for group in optimizers["model"].optimizer.param_groups:
            group["lr"] = self.rate * min(1.0, 3 * (1 - self.step.item() / self.steps))
        self.step += 1
        return super().training_step(batch, optimizers)

"""What a model can do, as base classes: each capability is a few methods with fixed names, shapes and units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.optim import Adam, Optimizer

if TYPE_CHECKING:
    from coursekit.training.single import Minimiser


class Model(nn.Module):
    """A model trained by gradients. Most subclasses write `loss` and leave the rest as it is."""

    learning_rate: float = 1e-3
    differentiated: tuple[str, ...] = ("loss",)
    """The methods through which `training_step` builds its graph; several processes synchronise gradients there."""

    @property
    def device(self) -> torch.device:
        """Where the parameters are, or the buffers of a model that has none, and so where new tensors belong."""
        return next(chain(self.parameters(), self.buffers())).device

    def loss(self, batch: Any) -> Tensor:
        """What training minimises, a scalar; in nats per example where it is a likelihood or a bound."""
        raise NotImplementedError(f"{type(self).__name__} must define loss(batch)")

    def configure_optimizers(self) -> dict[str, Optimizer]:
        """The optimisers by name, one for each player of the training."""
        return {"model": adam(self.parameters(), self.learning_rate)}

    def training_step(self, batch: Any, optimizers: Mapping[str, Minimiser]) -> dict[str, Tensor]:
        """One step on one batch; returns the scalars to be recorded, without gradients."""
        loss = self.loss(batch)
        optimizers["model"].minimise(loss)
        return {"loss": loss.detach()}


class ExplicitDensity(Model):
    """A model whose density can be evaluated."""

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, summed over dimensions, shape (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define log_prob(x)")

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws, shape (n, *event_shape)."""
        raise NotImplementedError(f"{type(self).__name__} must define sample(n)")

    def loss(self, batch: Tensor) -> Tensor:
        """The mean negative log-likelihood in nats per example."""
        return -self.log_prob(batch).mean()


class LatentVariable(Model):
    """A model with a hidden cause z behind each x, its posterior approximated by an encoder."""

    def encode(self, x: Tensor) -> Distribution:
        """The approximate posterior q(z given x): batch (B,), event (L,)."""
        raise NotImplementedError(f"{type(self).__name__} must define encode(x)")

    def decode(self, z: Tensor) -> Distribution:
        """The likelihood p(x given z) for z of shape (*batch, L): batch (*batch,), event the shape of one x."""
        raise NotImplementedError(f"{type(self).__name__} must define decode(z)")

    def elbo(self, x: Tensor, samples: int = 1, *, generator: torch.Generator | None = None) -> Tensor:
        """An unbiased estimate of the evidence lower bound on log p(x), in nats, shape (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define elbo(x)")

    def importance_log_prob(self, x: Tensor, samples: int, *, generator: torch.Generator | None = None) -> Tensor:
        """The importance-weighted lower bound on log p(x) from ``samples`` draws of q, in nats, shape (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define importance_log_prob(x, samples)")

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws from p(x), shape (n, *event_shape): z from the prior, then x from p(x given z)."""
        raise NotImplementedError(f"{type(self).__name__} must define sample(n)")


class Adversarial(Model):
    """A generator trained against a discriminator; ``training_step`` minimises the two losses in turn."""

    differentiated = ("discriminator_loss", "generator_loss")

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimises on real and generated examples, a scalar."""
        raise NotImplementedError(f"{type(self).__name__} must define discriminator_loss(real, fake)")

    def generator_loss(self, fake: Tensor) -> Tensor:
        """What the generator minimises on its own examples, a scalar."""
        raise NotImplementedError(f"{type(self).__name__} must define generator_loss(fake)")

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` generated examples, shape (n, *event_shape)."""
        raise NotImplementedError(f"{type(self).__name__} must define sample(n)")


def adam(parameters: Iterable[nn.Parameter], learning_rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> Adam:
    """Adam (Kingma and Ba, 2015), its update in one fused kernel where the parameters' device has one."""
    parameters = list(parameters)
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    return Adam(parameters, lr=learning_rate, betas=betas, fused=fused)

"""What every autoregressive model shares: exact likelihoods, sampling dimension by dimension, and completion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from coursekit.autoregressive.masks import positions, raster_order
from coursekit.distributions.levels import check_levels, draw_level, edges_of, level_of, log_prob_of
from coursekit.training.model import ExplicitDensity


class Autoregressive(ExplicitDensity):
    r"""A model of x by the conditionals of the chain rule, one dimension after the other.

    .. math:: p(x) = \prod_{i=1}^{D} p(x_i \mid x_1, \dots, x_{i-1})

    The order is raster order: row by row, pixel by pixel, and in a pixel R, then G given R, then B given R and G. Each
    dimension takes one of ``levels`` values, 0, 1/(levels - 1), ..., 1, as images in [0, 1] have them. With two of them
    it is a Bernoulli variable with one logit, that of the one; with more, up to 256, a categorical one with a logit for
    each level.

    A subclass defines `logits`, all conditionals in one pass of the network, and `steps`, one conditional after the
    other, computing only what the newest value changes.
    """

    classes: int | None = None
    """How many classes a conditional model p(x given label) knows; None: it takes no labels."""

    def __init__(self, event_shape: Sequence[int], levels: int = 2) -> None:
        super().__init__()
        self.event_shape = tuple(event_shape)
        self.levels = check_levels(levels)
        self.dimensions = prod(self.event_shape)
        self.outputs = 1 if levels == 2 else levels  # logits of one dimension
        self.order = raster_order(self.event_shape)
        """The dimensions, numbered as in ``x.flatten(1)``, in the order in which they are drawn."""

    def logits(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of all conditionals, (B, *event), or (B, *event, levels) if there are more than two levels.

        ``x`` has shape (B, *event), ``labels`` of a conditional model (B,). No logit of a dimension depends on that
        dimension of x or a later one.
        """
        raise NotImplementedError(f"{type(self).__name__} must define logits(x)")

    def steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The logits of one dimension after the other, each (B, 1) or (B, levels), in the order of ``order``.

        Whoever iterates writes the dimension's value into ``x`` before asking for the next.
        """
        return self.plain_steps(x, labels)

    def plain_steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The same as `steps`, by a pass of the whole network for each dimension: the reference, slow."""
        for d in self.order:
            yield self._rows(self.logits(x, labels))[:, d]

    def log_conditionals(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Log p(x_i given the dimensions before it) in nats, shape (B, *event).

        Raises
        ------
        ValueError
            If a value of x is none of the levels, or if labels are missing, or given without need.
        """
        return log_prob_of(x, self.logits(x, self._labels(labels, len(x))), self.levels)

    def log_prob(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(x), or log p(x given label), in nats, exact, shape (B,)."""
        return self.log_conditionals(x, labels).flatten(1).sum(dim=1)

    def loss(self, batch: Any) -> Tensor:
        """The mean negative log-likelihood in nats per example; a conditional model needs batches of (x, labels)."""
        return -(self.log_prob(batch) if self.classes is None else self.log_prob(*batch)).mean()

    @torch.no_grad()
    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None, cached: bool = True
    ) -> Tensor:
        """``n`` draws, shape (n, *event); a conditional model needs ``labels`` (n,).

        ``cached=False`` runs the whole network for every dimension. It is slower by orders of magnitude and draws the
        same values, every one: each dimension inverts its cumulative probabilities at a uniform number made beforehand.
        The two ways round differently. Where a number lies so close to a cumulative probability that rounding could
        decide, both ask the network about that image alone. So the draws do not depend on the size of the batch
        either. (All this where float32 is float32: not with a GPU's TF32.)
        """
        labels = self._labels(labels, n)
        uniform = self._uniform(n, self.dimensions, generator)  # (n, D)
        x = next(self.parameters()).new_zeros(n, *self.event_shape)
        return self._draw(x, uniform, labels, cached=cached)

    @torch.no_grad()
    def complete(
        self,
        x: Tensor,
        mask: Tensor,
        *,
        sweeps: int = 20,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``x`` (B, *event) with its missing part, where ``mask`` is True, drawn given the rest; (B, *event).

        ``mask`` is boolean, with the shape of x or one that broadcasts to it. What is missing after the last known
        dimension is drawn exactly, at the cost of a sample. What is missing before it is first drawn as if nothing
        were known after it, and then redrawn one dimension at a time from its exact conditional given all others
        (Gibbs sampling), ``sweeps`` times over, each time with one evaluation of the model for every level. That has
        the right distribution only in the limit of many sweeps.
        """
        labels = self._labels(labels, len(x))
        missing = mask.expand_as(x).flatten(1)  # (B, D)
        x = torch.where(mask, 0.0, x).to(next(self.parameters()).dtype).contiguous()  # (B, *event)
        level_of(x, self.levels)  # refuses other values before anything is drawn
        uniform = self._uniform(len(x), self.dimensions, generator)  # (B, D)
        x = self._draw(x, uniform, labels, missing)
        counted = self._counted(~missing)  # (B, D)
        if (missing & counted).any():
            for _ in range(sweeps):
                self._gibbs_sweep(x, missing & counted, counted, labels, generator)
            if (missing & ~counted).any():
                x = self._draw(x, uniform, labels, missing & ~counted)
        return x

    def _draw(
        self, x: Tensor, uniform: Tensor, labels: Tensor | None, missing: Tensor | None = None, *, cached: bool = True
    ) -> Tensor:
        """``x`` with its missing dimensions (B, D), or all, drawn in order, each given the ones before it."""
        x, uniform = x.clone(), uniform.to(x)
        values = x.view(len(x), -1)  # (B, D), the memory of x
        steps = self.steps if cached else self.plain_steps
        for d, u, logits in zip(self.order, uniform.unsqueeze(2).unbind(1), steps(x, labels), strict=True):
            edges = edges_of(logits)  # (B, levels - 1)
            level = (u >= edges).sum(dim=1, dtype=x.dtype)  # (B,): `draw_level` without its detours
            for b in self._too_close(u - edges):
                alone = self._alone(x[b : b + 1], None if labels is None else labels[b : b + 1], d)
                level[b] = draw_level(edges_of(alone), u[b, 0])
            value = level / (self.levels - 1)
            values[:, d] = value if missing is None else torch.where(missing[:, d], value, values[:, d])
        return x

    def _alone(self, x: Tensor, labels: Tensor | None, d: int) -> Tensor:
        """The logits of dimension ``d``, (outputs,), of a single image, (1, *event)."""
        return self._rows(self.logits(x, labels))[0, d]

    def _too_close(self, distance: Tensor) -> list[int]:
        """The images whose uniform number has a cumulative probability at a distance that rounding may bridge."""
        size = distance.abs()  # (B, levels - 1)
        bound = 256 * torch.finfo(size.dtype).eps  # 3e-5 in float32
        if size.is_meta or size.numel() == 0 or size.amin().item() >= bound:
            return []
        return (size < bound).any(dim=1).nonzero().flatten().tolist()

    def _counted(self, known: Tensor) -> Tensor:
        """Whether a dimension is not after the last known one, (B, D) as ``known``: the rest integrates to one."""
        in_order = known[:, self.order].flip(1).cumsum(dim=1).flip(1) > 0  # (B, D), in order
        return in_order[:, positions(self.order).to(known.device)]

    def _log_prob_counted(self, x: Tensor, counted: Tensor, labels: Tensor | None) -> Tensor:
        """log p of the counted dimensions, (B,)."""
        return (self.log_conditionals(x, labels).flatten(1) * counted).sum(dim=1)

    def _gibbs_sweep(
        self, x: Tensor, chosen: Tensor, counted: Tensor, labels: Tensor | None, generator: torch.Generator | None
    ) -> None:
        """Redraw each chosen dimension (B, D) in x, given all other counted ones."""
        values = x.view(len(x), -1)  # (B, D), the memory of x
        copied = counted.repeat(self.levels, 1), None if labels is None else labels.repeat(self.levels)
        every = torch.arange(self.levels, device=x.device).repeat_interleave(len(x)) / (self.levels - 1)
        for d in self.order:
            if chosen[:, d].any():
                candidates = x.repeat(self.levels, *[1] * len(self.event_shape))  # (levels * B, *event)
                candidates.view(len(every), -1)[:, d] = every
                scores = self._log_prob_counted(candidates, *copied).view(self.levels, len(x)).T  # (B, levels)
                level = draw_level(edges_of(scores), self._uniform(len(x), 1, generator)[:, 0].to(x))  # (B,)
                values[:, d] = torch.where(chosen[:, d], level / (self.levels - 1), values[:, d])

    def _rows(self, logits: Tensor) -> Tensor:
        """Logits as `logits` gives them, as (B, D, 1) or (B, D, levels)."""
        return logits.reshape(len(logits), self.dimensions, self.outputs)

    def _shaped(self, rows: Tensor) -> Tensor:
        """The inverse of `_rows`."""
        return rows.view(len(rows), *self.event_shape, *([] if self.levels == 2 else [self.levels]))

    def _uniform(self, n: int, k: int, generator: torch.Generator | None) -> Tensor:
        """Uniform numbers in [0, 1), (n, k), where the generator is."""
        return torch.rand(n, k, generator=generator, device=None if generator is None else generator.device)

    def _labels(self, labels: Tensor | None, n: int) -> Tensor | None:
        """``labels``, checked, where the model is."""
        if self.classes is None:
            if labels is not None:
                raise ValueError(f"{type(self).__name__}: labels were given, but the model was built without classes")
            return None
        if labels is None or labels.shape != (n,):
            was = "None" if labels is None else f"of shape {tuple(labels.shape)}"
            raise ValueError(f"{type(self).__name__}: labels must have shape ({n},), a class for each x; was {was}")
        return labels.to(self.device)

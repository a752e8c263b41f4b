"""A test of equality by a classifier: can a fresh discriminator tell generated examples from real ones?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from coursekit.data.examples import Batch, Examples
from coursekit.evaluation.features import Features, RawValues
from coursekit.training import fit
from coursekit.training.model import Model


@dataclass(frozen=True)
class TwoSampleTest:
    """What `classifier_two_sample_test` found.

    ``accuracy`` on ``held_out`` examples, half of them real, with its ``standard_error``; ``p_value``: how probable so
    high an accuracy would be if both sets came from the same distribution; ``trained_on`` examples, half of them real.
    """

    accuracy: float
    standard_error: float
    p_value: float
    held_out: int
    trained_on: int
    split: str
    features: str

    def __repr__(self) -> str:
        return (
            f"a classifier tells real from generated with accuracy {self.accuracy:.3f} +- {self.standard_error:.3f} "
            f"(chance is 0.5, p = {self.p_value:.2g}; {self.held_out:,} held-out and {self.trained_on:,} training "
            f"examples, half of them real, {self.split} split; features: {self.features})"
        )


def classifier_two_sample_test(
    real: Tensor,
    generated: Tensor,
    features: Features | None = None,
    *,
    split: str,
    discriminator: nn.Module | None = None,
    epochs: int = 30,
    seed: int = 0,
) -> TwoSampleTest:
    r"""Train a classifier of real against generated on half of the examples, and see how it does on the other half.

    If both come from one distribution, no classifier has an accuracy above 1/2 but by chance, and on n held-out
    examples the accuracy is near :math:`\mathcal{N}(1/2,\, 1/(4n))`: the p-value is the mass above the accuracy found.
    A small one shows a difference; a large one shows that *this* classifier, with so many examples, found none.

    ``real`` (N, ...), ``generated`` (M, ...): of the longer a random part as long as the shorter is used, so that both
    classes are equal. ``features``: default the raw values; they are standardised. ``discriminator``: a module from
    (B, F) to logits (B,), which is trained; default: one hidden layer of 64. ``split`` names what ``real`` is and is
    part of the result.

    Source: Lopez-Paz and Oquab (2017).

    Raises
    ------
    ValueError
        If the events' shapes differ, a value is not finite or a set has fewer than 20 examples.
    """
    if real.shape[1:] != generated.shape[1:]:
        raise ValueError(
            f"real has examples of shape {tuple(real.shape[1:])} and generated of {tuple(generated.shape[1:])}"
        )
    features = RawValues() if features is None else features
    n = min(len(real), len(generated))
    if n < 20:
        raise ValueError(f"real has {len(real)} and generated {len(generated)} examples; each must have at least 20")
    order = torch.Generator().manual_seed(seed)
    halves: list[list[Tensor]] = [[], []]
    for name, x in (("generated", generated), ("real", real)):
        with torch.no_grad():
            chosen = x[torch.randperm(len(x), generator=order)[:n].to(x.device)]  # (n, ...)
            vectors = features.features(chosen).float().cpu()  # (n, F)
        if not vectors.isfinite().all():
            raise ValueError(f"{name} has features that are not finite and must have none")
        halves[0].append(vectors[: n // 2])
        halves[1].append(vectors[n // 2 :])
    training, held_out = (torch.cat(half) for half in halves)  # (T, F), (H, F)
    centre, scale = training.mean(dim=0), training.std(dim=0)  # (F,), (F,)
    scale = torch.where(scale > 1e-6 * scale.max(), scale, 1.0)  # a feature without variance tells nothing
    training, held_out = (training - centre) / scale, (held_out - centre) / scale

    if discriminator is None:
        discriminator = _hidden_layer(training.shape[1], seed)
    fit(
        _Discriminating(discriminator),
        Examples(training, _labels(len(training))),
        epochs=epochs,
        device="cpu",
        seed=seed,
        progress=False,
    )
    with torch.no_grad():
        logits = torch.cat([discriminator(batch) for batch in held_out.split(1000)])  # (H,)
    correct = ((logits > 0) == (_labels(len(held_out)) > 0)).double()  # (H,)
    accuracy, total = correct.mean().item(), len(held_out)
    z = (accuracy - 0.5) * 2 * math.sqrt(total)
    return TwoSampleTest(
        accuracy=accuracy,
        standard_error=math.sqrt(accuracy * (1 - accuracy) / total),
        p_value=0.5 * math.erfc(z / math.sqrt(2)),
        held_out=total,
        trained_on=len(training),
        split=split,
        features=features.name,
    )


class _Discriminating(Model):
    """How the classifier learns: by cross entropy."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def loss(self, batch: Batch) -> Tensor:
        return binary_cross_entropy_with_logits(self.discriminator(batch.images), batch.labels)


def _hidden_layer(inputs: int, seed: int) -> nn.Module:
    """A small classifier, (B, F) to logits (B,); the global random numbers stay as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))


def _labels(length: int) -> Tensor:
    """0 for the first half, generated, and 1 for the second, real; shape (length,)."""
    return (torch.arange(length) >= length // 2).float()

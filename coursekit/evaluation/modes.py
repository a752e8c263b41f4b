"""How many modes a set of samples covers: counted in the plane by distance, among digits by a classifier."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.distributions.planar import PlanarMixture
from coursekit.evaluation.features import DigitClassifier


@dataclass(frozen=True)
class PlanarModes:
    """What `covered_modes` found.

    ``covered``: covered modes, of ``modes``. ``high_quality``: the share of the ``n`` samples that lie near a mode.
    ``counts``: high-quality samples of each mode, K numbers. ``radius`` in standard deviations.
    """

    covered: int
    modes: int
    high_quality: float
    counts: tuple[int, ...]
    n: int
    radius: float
    share: float

    def __repr__(self) -> str:
        needed = "at least one sample" if self.share == 0 else f"at least {self.share:.1%} of the samples"
        return (
            f"{self.covered} of {self.modes} modes covered ({needed} within {self.radius:g} standard deviations), "
            f"{self.high_quality:.1%} of {self.n:,} samples of high quality"
        )


def covered_modes(x: Tensor, mixture: PlanarMixture, *, radius: float = 3.0, share: float = 0.0) -> PlanarModes:
    """The modes of ``mixture`` that the samples ``x`` of shape (n, 2) cover, and the share of high-quality samples.

    A sample is of high quality if it lies within ``radius`` standard deviations of the nearest mean. A mode is covered
    if at least one high-quality sample is nearest to it, and at least the ``share`` of all n samples: 0 is the
    published count; a small share, 0.01 say, keeps one stray sample from passing for a mode. A point that is not finite
    is near no mode. Even samples of the mixture itself are of high quality only with probability
    1 - exp(-radius ** 2 / 2): 98.9 % at three standard deviations, in two dimensions.

    Source: Srivastava et al. (2017); so counted by Lin et al. (2018) too, whose ring has eight modes and
    whose grid has 25.

    Raises
    ------
    ValueError
        If ``x`` is empty or not in the plane, ``radius`` is not positive or ``share`` is not in [0, 1].
    """
    if x.ndim != 2 or x.shape[1] != 2 or len(x) == 0:
        raise ValueError(f"x has shape {tuple(x.shape)} and must have shape (n, 2) with n at least 1")
    if not radius > 0:
        raise ValueError(f"radius is {radius} and must be positive")
    _check_share("share", share)
    points = x.detach().double()  # (n, 2)
    differences = points.unsqueeze(1) - mixture.means.to(points)  # (n, K, 2)
    distances, nearest = torch.linalg.vector_norm(differences, dim=-1).min(dim=1)  # (n,), (n,)
    good = distances <= radius * mixture.scale  # (n,); false for nan
    counts = nearest[good].bincount(minlength=len(mixture.means))  # (K,)
    covered = int((counts >= max(1.0, share * len(x))).sum())
    return PlanarModes(
        covered, len(mixture.means), good.double().mean().item(), tuple(counts.tolist()), len(x), radius, share
    )


@dataclass(frozen=True)
class DigitModes:
    """What `digit_modes` found.

    ``classes``: classes with at least ``share`` of the sure images. ``counts``: sure images by class, ten numbers;
    ``unsure``: images that no class fits; together they are ``n``. ``kl_to_uniform``: nats; nan where none is sure.
    """

    classes: int
    counts: tuple[int, ...]
    unsure: int
    kl_to_uniform: float
    n: int
    share: float
    sureness: float
    features: str

    def __repr__(self) -> str:
        return (
            f"{self.classes} of {len(self.counts)} classes with at least {self.share:.1%} of the sure images, KL to "
            f"uniform {self.kl_to_uniform:.3f} nats, {self.unsure:,} of {self.n:,} images unsure (below "
            f"{self.sureness:g}; {self.features})"
        )


def digit_modes(
    images: Tensor, classifier: DigitClassifier | None = None, *, share: float = 0.01, sureness: float = 0.9
) -> DigitModes:
    r"""The classes among ``images`` of shape (n, 1, 28, 28), values in [0, 1], as a classifier sees them.

    An image whose largest class probability is below ``sureness`` is counted as unsure and belongs to no class. A class
    is covered if it has at least ``share`` of the sure images (and one at least). How uneven the classes are is

    .. math:: \mathrm{KL}(h \,\Vert\, u) = \log 10 - H(h)

    in nats, for the histogram h of the sure images: 0 for equal shares, log 10 = 2.303 for a single class.
    The classifier (default: the one that comes with the package) gives every image a class, and may be sure of an
    image that is no digit: read the unsure share beside the classes, and look.

    Source: Metz et al. (2017) and Lin et al. (2018), with 1,000 classes of three stacked digits; the
    threshold of sureness is ours.

    Raises
    ------
    ValueError
        If ``images`` has another shape or range, or ``share`` or ``sureness`` is not in [0, 1].
    """
    _check_share("share", share)
    _check_share("sureness", sureness)
    if len(images) == 0:
        raise ValueError(f"images has shape {tuple(images.shape)} and must hold at least one image")
    classifier = DigitClassifier.load() if classifier is None else classifier
    best, classes = classifier.log_prob(images.detach()).max(dim=1)  # (n,), (n,)
    sure = best.exp() >= sureness  # (n,)
    counts = classes[sure].bincount(minlength=classifier.classes)  # (10,)
    total = int(counts.sum())
    covered = int((counts >= max(1.0, share * total)).sum())
    kl = math.nan
    if total:
        histogram = counts.double() / total  # (10,)
        kl = math.log(classifier.classes) + torch.special.xlogy(histogram, histogram).sum().item()
    return DigitModes(
        covered, tuple(counts.tolist()), len(images) - total, kl, len(images), share, sureness, classifier.name
    )


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value} and must be between 0 and 1")

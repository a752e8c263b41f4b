"""MNIST and Fashion-MNIST as the reader asks for them."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch

from coursekit.data.bundle import Bytes, Pixels, bundled_mnist
from coursekit.data.download import BUNDLED, FASHION_MNIST, MNIST, read_full
from coursekit.data.errors import DataError
from coursekit.data.examples import Digits, DynamicBinarisation, Examples, grey_images, static_draw

Subset: TypeAlias = Literal["bundled", "full"]
Binarisation: TypeAlias = Literal["static", "dynamic"]

DIGIT_CLASSES = tuple("0123456789")
FASHION_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


def mnist(subset: Subset = "bundled", binarise: Binarisation | None = None) -> Digits:
    """Handwritten digits, 28 x 28.

    ``subset``: ``"bundled"``, 6,000 training and 1,000 test images that come with the package, or ``"full"``, 60,000
    and 10,000 images, from the folder ``COURSEKIT_DATA``, the cache or the network, in this order.

    ``binarise``: ``None`` gives grey images in [0, 1]. ``"static"`` gives one fixed 0/1 draw, the same for everyone
    (coursekit's own draw, not the file of Larochelle and Murray). ``"dynamic"`` draws the training images anew at each
    visit; its test images are those of the static draw.

    Raises :class:`DataError` for a name that is unknown, and where the data cannot be had.

    Source: LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document recognition".
    """
    _check_names(subset, binarise)
    pixels = bundled_mnist() if subset == "bundled" else read_full(MNIST)
    return _digits("MNIST", subset, binarise, DIGIT_CLASSES, pixels)


def fashion_mnist(subset: Subset = "full", binarise: Binarisation | None = None) -> Digits:
    """Pictures of clothes, 28 x 28, with MNIST's sizes; the arguments are those of :func:`mnist`.

    No part of it is bundled: ``subset="bundled"`` raises :class:`DataError`. Where Debian's package
    dataset-fashion-mnist is installed, its files are used before the cache and the network.

    Source: Xiao, Rasul and Vollgraf (2017), "Fashion-MNIST: a novel image dataset".
    """
    _check_names(subset, binarise)
    if subset == "bundled":
        raise DataError(
            'subset is "bundled", and no part of Fashion-MNIST is bundled.', 'ask for subset="full"', BUNDLED
        )
    return _digits("Fashion-MNIST", subset, binarise, FASHION_CLASSES, read_full(FASHION_MNIST))


def _check_names(subset: str, binarise: str | None) -> None:
    if subset not in get_args(Subset):
        raise DataError(f"subset is {subset!r}, which is unknown.", 'give "bundled" or "full"', BUNDLED)
    if binarise is not None and binarise not in get_args(Binarisation):
        raise DataError(f"binarise is {binarise!r}, which is unknown.", 'give None, "static" or "dynamic"')


def _digits(name: str, subset: str, binarise: str | None, classes: tuple[str, ...], pixels: Pixels) -> Digits:
    train = _examples(pixels.train_images, pixels.train_labels, binarise, stream=0)
    test = _examples(pixels.test_images, pixels.test_labels, "static" if binarise else None, stream=1)
    return Digits(name, subset, binarise, classes, train, test)


def _examples(images: Bytes, labels: Bytes, binarise: str | None, stream: int) -> Examples:
    targets = torch.from_numpy(labels.astype("int64"))  # (N,)
    if binarise == "static":
        return Examples(static_draw(images, stream), targets)
    grey = grey_images(images)  # (N, 1, 28, 28)
    return Examples(DynamicBinarisation(grey) if binarise == "dynamic" else grey, targets)

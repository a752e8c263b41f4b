"""The tenth of MNIST that comes with the package: how it is drawn, stored and read."""

from __future__ import annotations

import hashlib
import lzma
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

import numpy
from numpy.typing import NDArray

from coursekit.data.errors import DataError

Bytes = NDArray[numpy.uint8]

SEED = 0
TRAIN_PER_CLASS, TEST_PER_CLASS = 600, 100
FILE = "mnist.xz"
CHECKSUMS = "SHA256SUMS"
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]


class Pixels(NamedTuple):
    """The two splits as bytes: images (N, 28, 28) and labels (N,)."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def draw_from_each_class(labels: Bytes, per_class: int, stream: int) -> NDArray[numpy.int64]:
    """Positions of ``per_class`` examples of each of ten classes, drawn at random, in their original order.

    Every example gets a random 64-bit key; of each class those with the smallest keys are drawn.
    ``stream`` separates the draws from different splits.
    """
    keys = numpy.random.PCG64([SEED, stream]).random_raw(len(labels))  # (N,)
    drawn = []
    for digit in range(10):
        members = numpy.flatnonzero(labels == digit)
        drawn.append(members[numpy.argsort(keys[members], kind="stable")[:per_class]])  # (per_class,)
    return numpy.sort(numpy.concatenate(drawn))  # (10 * per_class,)


def draw_tenth(full: Pixels) -> Pixels:
    """The bundled tenth of the full MNIST: 6,000 training and 1,000 test images of its own splits."""
    train = draw_from_each_class(full.train_labels, TRAIN_PER_CLASS, stream=0)
    test = draw_from_each_class(full.test_labels, TEST_PER_CLASS, stream=1)
    return Pixels(full.train_images[train], full.train_labels[train], full.test_images[test], full.test_labels[test])


def pack(pixels: Pixels) -> bytes:
    """The four arrays one after the other, compressed; the same bytes for the same arrays and the same liblzma."""
    contents = b"".join(array.tobytes() for array in pixels)
    return lzma.compress(contents, format=lzma.FORMAT_XZ, filters=_FILTERS)


def unpack(packed: bytes) -> Pixels:
    """The four arrays of :func:`pack`."""
    contents = numpy.frombuffer(lzma.decompress(packed, format=lzma.FORMAT_XZ), dtype=numpy.uint8)
    train, test = 10 * TRAIN_PER_CLASS, 10 * TEST_PER_CLASS
    sizes = [train * 784, train, test * 784, test]
    train_images, train_labels, test_images, test_labels = numpy.split(contents, numpy.cumsum(sizes)[:-1])
    return Pixels(train_images.reshape(-1, 28, 28), train_labels, test_images.reshape(-1, 28, 28), test_labels)


def read_bundle(folder: Traversable) -> Pixels:
    """The bundled digits in ``folder``, after a check of their SHA-256.

    Raises :class:`DataError` where the file or its checksum is missing, cut short or altered.
    """
    remedy = (
        "install coursekit again (pip install --force-reinstall), or in a clone: git checkout coursekit/data/bundled"
    )
    try:
        packed = (folder / FILE).read_bytes()
        expected = (folder / CHECKSUMS).read_text(encoding="ascii").split()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise DataError(f"The bundled digits cannot be read: {error}.", remedy) from error
    found = hashlib.sha256(packed).hexdigest()
    if found != expected:
        raise DataError(
            f"The bundled digits are damaged: {folder / FILE} ({len(packed):,} bytes) "
            f"has SHA-256 {found} and must have {expected}.",
            remedy,
        )
    return unpack(packed)


@lru_cache(maxsize=1)
def bundled_mnist() -> Pixels:
    """The bundled digits; read once in a process."""
    return read_bundle(resources.files("coursekit.data") / "bundled")

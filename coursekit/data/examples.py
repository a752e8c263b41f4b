"""Images and labels held in memory, as floats or as bytes, and the two ways to make grey images binary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

Index: TypeAlias = Tensor | slice | int | list[int]
Device: TypeAlias = torch.device | str

STATIC_SEED = 20260101
"""Seed of the static draw. To change it is to change every number measured on it."""


class Batch(NamedTuple):
    """Some images and their labels: unpack it, or use the names."""

    images: Tensor
    labels: Tensor


class DynamicBinarisation:
    """Grey images that become binary anew at each visit.

    A grey value in [0, 1] is read as the probability of a one. ``data[index]`` draws every pixel independently from
    torch's default random numbers, as dropout does; ``draw`` takes a generator instead. No two epochs see the same
    images, so that a model overfits less than on a static draw, and its numbers are not comparable with those on one.

    Source: Salakhutdinov and Murray (2008) read grey values as probabilities; Burda, Grosse and Salakhutdinov (2016)
    draw anew at each visit.
    """

    def __init__(self, probabilities: Tensor) -> None:
        """``probabilities``: float, shape (N, 1, H, W), values in [0, 1]."""
        self.probabilities = probabilities

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, index: Index) -> Tensor:
        """A fresh 0/1 draw of the images at ``index``, shape (B, 1, H, W)."""
        return self.draw(index)

    def draw(self, index: Index, *, generator: torch.Generator | None = None) -> Tensor:
        """A fresh 0/1 draw of the images at ``index``, shape (B, 1, H, W), from ``generator``."""
        return torch.bernoulli(self.probabilities[index], generator=generator)  # (B, 1, H, W)

    def to(self, device: Device) -> DynamicBinarisation:
        """The same images on ``device``."""
        return DynamicBinarisation(self.probabilities.to(device))


class ByteImages:
    """Images stored as bytes, a quarter of the memory, and given as floats at each visit.

    ``images[index]`` is float32 in [0, 1], shape (B, C, H, W); so `coursekit.fit` takes them as they are. Where the
    bytes are those of a large file, only what is looked at is read.
    """

    def __init__(self, pixels: Tensor) -> None:
        """``pixels``: uint8, shape (N, C, H, W)."""
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: Index) -> Tensor:
        """The images at ``index``, shape (B, C, H, W)."""
        return self.pixels[index].float() / 255  # (B, C, H, W)

    @property
    def shape(self) -> torch.Size:
        """(N, C, H, W)."""
        return self.pixels.shape

    def to(self, device: Device) -> ByteImages:
        """The same images on ``device``, still as bytes."""
        return ByteImages(self.pixels.to(device))


@dataclass(frozen=True, eq=False)
class Examples:
    """Images with labels, all in memory.

    ``images``: shape (N, C, H, W), float32 in [0, 1]; a tensor, or a :class:`DynamicBinarisation` or
    :class:`ByteImages`, which give one when they are indexed. ``labels``: shape (N,), int64, or (N, K) where an image
    has several.
    """

    images: Tensor | DynamicBinarisation | ByteImages
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Index) -> Batch:
        """The images and labels at ``index``: shapes (B, C, H, W) and (B,)."""
        return Batch(self.images[index], self.labels[index])

    def to(self, device: Device) -> Examples:
        """The same examples on ``device``."""
        return Examples(self.images.to(device), self.labels.to(device))

    def __repr__(self) -> str:
        return f"Examples({len(self)} images)"


@dataclass(frozen=True, eq=False)
class Digits:
    """A data set of the MNIST kind: a training and a test split, and what was done to them.

    ``binarise`` is ``None`` (grey images), ``"static"`` or ``"dynamic"``; ``classes`` names the ten labels.
    """

    name: str
    subset: str
    binarise: str | None
    classes: tuple[str, ...]
    train: Examples
    test: Examples

    def to(self, device: Device) -> Digits:
        """The same data set on ``device``."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))

    def __repr__(self) -> str:
        binarised = "grey" if self.binarise is None else f"{self.binarise} binarisation"
        return f"Digits({self.name}, {self.subset}, {binarised}: {len(self.train)} train, {len(self.test)} test)"


@dataclass(frozen=True, eq=False)
class Pictures:
    """A data set of photographs in colour: its splits, and what the labels mean."""

    name: str
    classes: tuple[str, ...]
    train: Examples
    test: Examples
    validation: Examples | None = None

    def to(self, device: Device) -> Pictures:
        """The same data set on ``device``."""
        validation = None if self.validation is None else self.validation.to(device)
        return replace(self, train=self.train.to(device), test=self.test.to(device), validation=validation)

    def __repr__(self) -> str:
        size = " x ".join(str(length) for length in self.train.images[:1].shape[2:])
        return f"Pictures({self.name}, {size}: {len(self.train)} train, {len(self.test)} test)"


def grey_images(pixels: NDArray[numpy.uint8]) -> Tensor:
    """Bytes of shape (N, H, W) as float32 images in [0, 1], shape (N, 1, H, W)."""
    return torch.from_numpy(pixels.astype(numpy.float32) / numpy.float32(255)).unsqueeze(1)  # (N, 1, H, W)


def static_draw(pixels: NDArray[numpy.uint8], stream: int) -> Tensor:
    """One fixed 0/1 draw of grey images, the same on every machine; shape (N, 1, H, W), float32.

    ``pixels``: bytes of shape (N, H, W); a pixel of value v is one with probability v / 255, exactly.
    ``stream``: 0 for a training split, 1 for a test split, so that the two share no random number.

    This is coursekit's *own* draw with ``STATIC_SEED``; it is not the file of Larochelle and Murray (2011) on which
    most published static numbers were measured. The two differ pixel by pixel and not in distribution.
    """
    bits = numpy.random.PCG64([STATIC_SEED, stream])  # its raw stream is fixed by numpy for good
    binary = torch.empty(len(pixels), 1, *pixels.shape[1:])  # (N, 1, H, W)
    for start in range(0, len(pixels), 1000):
        chunk = pixels[start : start + 1000]  # (C, H, W)
        draws = bits.random_raw(chunk.size).reshape(chunk.shape) % 255  # (C, H, W), uniform on 0..254
        binary[start : start + 1000, 0] = torch.from_numpy(draws < chunk)
    return binary

"""A cello's notes and the beginning of a novel: the two bundled sets of long sequences."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

import numpy
import torch
from torch import Tensor

from coursekit.data.errors import DataError
from coursekit.data.examples import Device, Index
from coursekit.data.mu_law import from_mu_law

NOTES = ("C3", "D3", "E3", "F3", "G3", "A3", "B3", "C4")
RATE = 8000
TRAIN_SAMPLES, TEST_SAMPLES = 12_000, 4_000
TEST_SHARE = 10
"""One character in so many is for testing: the end of the text."""


@dataclass(frozen=True, eq=False)
class Clips:
    """Pieces of sound of one length with a class each; indexed, they are a batch for a conditional model.

    ``levels``: shape (N, T), float32, mu-law levels k/255. ``labels``: shape (N,), int64.
    """

    levels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Index) -> tuple[Tensor, Tensor]:
        """The levels and labels at ``index``: shapes (B, T) and (B,)."""
        return self.levels[index], self.labels[index]

    def __iter__(self) -> Iterator[Tensor]:
        """To unpack ``levels, labels = clips``."""
        return iter((self.levels, self.labels))

    @property
    def waves(self) -> Tensor:
        """The sound itself, in [-1, 1], shape (N, T)."""
        return from_mu_law(self.levels)

    def windows(self, length: int, stride: int) -> Clips:
        """The pieces of ``length`` that begin ``stride`` apart in each clip, with its label."""
        pieces = self.levels.unfold(1, length, stride)  # (N, W, length)
        return Clips(pieces.flatten(0, 1).contiguous(), self.labels.repeat_interleave(pieces.shape[1]))

    def to(self, device: Device) -> Clips:
        """The same clips on ``device``."""
        return Clips(self.levels.to(device), self.labels.to(device))

    def __repr__(self) -> str:
        return f"Clips({len(self)} of {self.levels.shape[1]:,} samples)"


@dataclass(frozen=True, eq=False)
class Recordings:
    """Recorded sound: its splits, how many samples make a second, and what the labels mean."""

    name: str
    rate: int
    classes: tuple[str, ...]
    train: Clips
    test: Clips

    def to(self, device: Device) -> Recordings:
        """The same recordings on ``device``."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))

    def __repr__(self) -> str:
        return f"Recordings({self.name}, {self.rate} Hz: {len(self.classes)} classes, train {self.train})"


@dataclass(frozen=True, eq=False)
class Text:
    """A long text as one sequence of levels k/(V - 1), where k is the place of a character in ``alphabet``.

    ``train`` and ``test``: shapes (N,) and (M,), float32; the test part is the end of the text.
    """

    name: str
    alphabet: str
    train: Tensor
    test: Tensor

    def encode(self, text: str) -> Tensor:
        """The levels of a text, shape (len(text),)."""
        unknown = set(text) - set(self.alphabet)
        if unknown:
            raise ValueError(f"encode: the alphabet of {self.name} lacks {''.join(sorted(unknown))!r}")
        return torch.tensor([self.alphabet.index(c) for c in text]) / (len(self.alphabet) - 1)

    def decode(self, x: Tensor) -> str:
        """The text of levels, shape (T,)."""
        places = (x * (len(self.alphabet) - 1)).round().long()
        return "".join(self.alphabet[k] for k in places.tolist())

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} train, {len(self.test):,} test"
        return f"Text({self.name}, {len(self.alphabet)} characters: {sizes})"


def cello() -> Recordings:
    """Eight notes of a cello, C3 to C4 in C major, 8,000 samples a second, as mu-law levels.

    Of each note 1.5 seconds are for training and the half second that follows for testing; the label is the note. The
    attack at the beginning is left out, and each note is as loud as the others.

    Raises :class:`DataError` where the bundled file is missing or damaged.

    Source: tonejs-instruments by Nicholaus P. Brosowsky, licence CC BY 3.0, changed as ``bundled/README.md`` says.
    """
    codes = numpy.frombuffer(_bundled("cello.xz"), dtype=numpy.uint8).reshape(len(NOTES), -1)
    levels = torch.from_numpy(codes.astype(numpy.float32)) / 255  # (8, 16000)
    labels = torch.arange(len(NOTES))
    train, test = levels.split([TRAIN_SAMPLES, TEST_SAMPLES], dim=1)
    return Recordings("cello", RATE, NOTES, Clips(train.contiguous(), labels), Clips(test.contiguous(), labels))


def moby_dick() -> Text:
    """The first chapters of "Moby-Dick; or, The Whale" in lower case: some 240,000 characters.

    The last tenth is for testing. Punctuation is kept, line breaks are spaces, and chapters begin on a new line.

    Raises :class:`DataError` where the bundled file is missing or damaged.

    Source: Herman Melville (1851), in the public domain.
    """
    text = _bundled("moby-dick.xz").decode("ascii")
    alphabet = "".join(sorted(set(text)))
    place = {character: k / (len(alphabet) - 1) for k, character in enumerate(alphabet)}
    x = torch.tensor([place[character] for character in text])  # (N + M,)
    test = len(text) // TEST_SHARE
    return Text("Moby-Dick", alphabet, x[:-test].clone(), x[-test:].clone())


@lru_cache(maxsize=2)
def _bundled(name: str) -> bytes:
    return read_checked(resources.files("coursekit.data") / "bundled", name)


def read_checked(folder: Traversable, name: str) -> bytes:
    """What the xz file ``name`` in ``folder`` holds, after a check of its SHA-256 against ``name.sha256``.

    Raises :class:`DataError` where either is missing, cut short or altered.
    """
    remedy = (
        "install coursekit again (pip install --force-reinstall), or in a clone: git checkout coursekit/data/bundled"
    )
    try:
        packed = (folder / name).read_bytes()
        expected = (folder / f"{name}.sha256").read_text(encoding="ascii").split()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise DataError(f"The bundled file {name} cannot be read: {error}.", remedy) from error
    found = hashlib.sha256(packed).hexdigest()
    if found != expected:
        raise DataError(f"The bundled file {name} is damaged: its SHA-256 is {found}, not {expected}.", remedy)
    return lzma.decompress(packed, format=lzma.FORMAT_XZ)

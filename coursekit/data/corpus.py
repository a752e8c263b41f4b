"""The State of the Union addresses as counts of words: the bundled collection of texts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from coursekit.data.examples import Device
from coursekit.data.sequences import read_checked

TEST_EVERY = 5
"""Each fifth year is for testing: all of its passages, so that no address stands in both splits."""

Counts = NDArray[numpy.int64]


@dataclass(frozen=True, eq=False)
class Documents:
    """Bags of words. ``counts``: shape (D, V), int64, how often each word stands in each document; ``years``: (D,)."""

    counts: Tensor
    years: Tensor

    def __len__(self) -> int:
        return len(self.years)

    def to(self, device: Device) -> Documents:
        """The same documents on ``device``."""
        return Documents(self.counts.to(device), self.years.to(device))

    def __repr__(self) -> str:
        return f"Documents({len(self):,}, {int(self.counts.sum()):,} words)"


@dataclass(frozen=True, eq=False)
class Corpus:
    """A collection of texts as bags of words: the columns of ``counts`` are the words of ``vocabulary``."""

    name: str
    vocabulary: tuple[str, ...]
    train: Documents
    test: Documents

    def to(self, device: Device) -> Corpus:
        """The same corpus on ``device``."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))

    def __repr__(self) -> str:
        return f"Corpus({self.name}, {len(self.vocabulary):,} words: train {self.train}, test {self.test})"


def state_of_the_union(stop_words: bool = False) -> Corpus:
    """Passages of the presidents' State of the Union addresses, 1790 to 2021, as counts of words.

    A document is a passage of 400 words in a row; there are up to six from each address. The vocabulary is made of
    words that some passages use more than others. ``stop_words=True`` appends the 50 most frequent of the words that
    were left out ("the", "of", "and", ...). Each fifth year is for testing.

    Raises :class:`DataError` where the bundled file is missing or damaged.

    Source: works of the United States government, in the public domain; ``bundled/README.md`` says how they were
    counted.
    """
    vocabulary, common, years, counts = _bundled()
    words = vocabulary + common if stop_words else vocabulary
    chosen = torch.from_numpy(counts[:, : len(words)].copy())  # (D, V)
    when = torch.tensor(years)  # (D,)
    place = torch.unique(when, return_inverse=True)[1]  # the number of each document's year
    test = place % TEST_EVERY == TEST_EVERY - 1
    return Corpus(
        "State of the Union", words, Documents(chosen[~test], when[~test]), Documents(chosen[test], when[test])
    )


def pack_counts(vocabulary: list[str], common: list[str], years: list[int], counts: Counts) -> bytes:
    """The contents of the bundled file: a line of JSON, then the counts (D, V) word by word.

    For each word there follow the documents that have it, each as its distance from the one before, a byte from 1 to
    254. A byte 255 leaps over 254 documents, and 0 ends the word. After all words come the counts, a byte each.
    """
    gaps, sizes = bytearray(), bytearray()
    for column in counts.T:
        before = -1
        for document in numpy.flatnonzero(column):
            leaps, gap = divmod(int(document) - before - 1, 254)
            gaps += bytes([255] * leaps + [gap + 1])
            sizes.append(column[document])
            before = int(document)
        gaps.append(0)
    head = {"vocabulary": vocabulary, "common": common, "years": years, "gaps": len(gaps)}
    return json.dumps(head, separators=(",", ":")).encode("ascii") + b"\n" + bytes(gaps) + bytes(sizes)


def unpack_counts(contents: bytes) -> tuple[tuple[str, ...], tuple[str, ...], list[int], Counts]:
    """The four arguments of :func:`pack_counts`."""
    line, _, body = contents.partition(b"\n")
    head = json.loads(line)
    words = head["vocabulary"] + head["common"]
    counts = numpy.zeros((len(words), len(head["years"])), dtype=numpy.int64)  # (V, D)
    gaps, sizes = body[: head["gaps"]], iter(body[head["gaps"] :])
    word, document = 0, -1
    for gap in gaps:
        if gap == 0:
            word, document = word + 1, -1
        elif gap == 255:
            document += 254
        else:
            document += gap
            counts[word, document] = next(sizes)
    return tuple(head["vocabulary"]), tuple(head["common"]), head["years"], counts.T


@lru_cache(maxsize=1)
def _bundled() -> tuple[tuple[str, ...], tuple[str, ...], list[int], Counts]:
    return unpack_counts(read_checked(resources.files("coursekit.data") / "bundled", "state-of-the-union.xz"))

"""The bundled speeches: what they hold, how they are counted and packed, and that damage to them is noticed."""

from pathlib import Path

import numpy
import pytest
import torch

from coursekit import data
from coursekit.data.corpus import pack_counts, unpack_counts
from coursekit.data.sequences import read_checked
from tools.make_bundled_corpus import CLOSED_CLASS, burstiness, corpus, passages, words_of

BUNDLED = Path(data.__file__).parent / "bundled"


def test_what_it_holds():
    speeches = data.state_of_the_union()
    train, test = speeches.train, speeches.test
    assert train.counts.shape == (1095, 1314) and test.counts.shape == (269, 1314)
    assert train.counts.dtype == torch.int64 and train.counts.min() == 0
    for part in (train, test):
        assert len(part) == len(part.counts) == len(part.years)
        assert (part.counts.sum(1) > 20).all() and (part.counts.sum(1) <= 400).all()
        assert part.years.min() < 1800 and part.years.max() > 2010 and (part.years.diff() >= 0).all()
        assert part.years.bincount().max() in (6, 12)  # six an address; two addresses in some years
    assert "110,725 words" in repr(speeches)


def test_no_address_is_in_both_splits():
    speeches = data.state_of_the_union()
    assert not set(speeches.train.years.tolist()) & set(speeches.test.years.tolist())


def test_the_vocabulary():
    words = data.state_of_the_union().vocabulary
    assert list(words) == sorted(set(words)) and len(words) == 1314
    assert not set(words) & set(CLOSED_CLASS) and all(word.isalpha() and len(word) > 2 for word in words)
    assert {"mexico", "railroads", "soviet", "health", "slavery", "budget"} <= set(words)


def test_words_belong_to_their_time():
    speeches = data.state_of_the_union()
    years, counts = speeches.train.years, speeches.train.counts
    for word, first, last in (("soviet", 1920, 2021), ("railroads", 1829, 2000), ("nuclear", 1945, 2021)):
        when = years[counts[:, speeches.vocabulary.index(word)] > 0]
        assert when.min() >= first and when.max() <= last, word


def test_stop_words_are_appended():
    plain, whole = data.state_of_the_union(), data.state_of_the_union(stop_words=True)
    assert whole.vocabulary[:1314] == plain.vocabulary and len(whole.vocabulary) == 1364
    assert whole.vocabulary[1314:1318] == ("the", "of", "and", "to")
    assert torch.equal(whole.train.counts[:, :1314], plain.train.counts)
    share = whole.train.counts[:, 1314].sum() / (400 * len(whole.train))
    assert 0.05 < share < 0.11  # "the" is about one word in twelve
    assert (whole.test.counts.sum(1) <= 400).all()


def test_one_call_cannot_change_what_the_next_one_gets():
    data.state_of_the_union().train.counts.zero_()
    assert data.state_of_the_union().train.counts.sum() > 0


@pytest.mark.parametrize("documents", [1, 254, 255, 256, 1100])
def test_packing_keeps_every_count(documents):
    rng = numpy.random.default_rng(documents)
    counts = rng.binomial(1, 0.01, (documents, 40)) * rng.integers(1, 256, (documents, 40))
    counts[-1, 0], counts[0, 1] = 7, 9
    years = list(range(documents))
    packed = pack_counts([f"w{i}" for i in range(38)], ["the", "of"], years, counts)
    vocabulary, common, when, found = unpack_counts(packed)
    assert numpy.array_equal(found, counts) and when == years
    assert vocabulary == tuple(f"w{i}" for i in range(38)) and common == ("the", "of")


def test_words_and_passages():
    assert words_of("Mr. Speaker: the Nation’s re-armament can't wait!") == [
        "mr", "speaker", "the", "nation", "re", "armament", "can't", "wait",
    ]  # fmt: skip
    cut = passages([str(i) for i in range(1000)])
    assert [part[0] for part in cut] == ["0", "500"] and all(len(part) == 400 for part in cut)
    cut = passages([str(i) for i in range(6000)])
    assert [part[0] for part in cut] == ["0", "1000", "2000", "3000", "4000", "5000"]
    assert passages(["short"]) == []


def test_burstiness():
    generator = torch.Generator().manual_seed(0)
    strewn = torch.randint(1000, (2000,), generator=generator).unique().numel()
    assert burstiness(2000, strewn, 1000) == pytest.approx(0, abs=0.03)
    assert burstiness(2000, strewn // 4, 1000) == pytest.approx(2, abs=0.05)


def test_the_script_counts_passages(tmp_path):
    for year, topic in ((1801, "ship "), (1802, "farm ")):
        for part in range(12):
            text = "the " * 240 + "of " * 150 + (topic * 10 if part % 2 else "it so " * 5)
            (tmp_path / f"{year}_{part}.txt").write_text(text, encoding="utf-8")
    vocabulary, common, years, counts = unpack_counts(corpus(tmp_path, at_least=5))
    assert vocabulary == ("farm", "ship") and common == ("the", "of", "it", "so")
    assert years == [1801] * 12 + [1802] * 12 and counts.shape == (24, 6)
    assert counts[:, 1].tolist() == [0, 10] * 6 + [0] * 12 and (counts[:, 2] == 240).all()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda b: b[:-9], "damaged"),
        (lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:], "damaged"),
        (None, "cannot be read"),
    ],
)
def test_a_damaged_file_is_an_error(tmp_path, damage, said):
    name = "state-of-the-union.xz"
    (tmp_path / f"{name}.sha256").write_bytes((BUNDLED / f"{name}.sha256").read_bytes())
    if damage is not None:
        (tmp_path / name).write_bytes(damage((BUNDLED / name).read_bytes()))
    with pytest.raises(data.DataError, match=said):
        read_checked(tmp_path, name)


def test_where_they_come_from_is_said_beside_them():
    readme = (BUNDLED / "README.md").read_text(encoding="utf-8")
    for words in (
        "state-of-the-union.xz",
        "works of the United States government",
        "CC0 1.0",
        "1,364 passages",
        "1,314",
    ):
        assert words in readme

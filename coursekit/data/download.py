"""Full data sets: looked for in a folder of pre-placed copies, then in the cache, then downloaded by torchvision."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import socket
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coursekit.data.bundle import Pixels
from coursekit.data.errors import DataError
from coursekit.data.idx import read_idx

DOWNLOAD_TIMEOUT = 30.0
"""Seconds without an answer after which a download counts as failed."""

BUNDLED = 'ck.data.mnist("bundled") needs no network: 6,000 training and 1,000 test images of MNIST, a tenth of it.'


@dataclass(frozen=True)
class Source:
    """A data set in MNIST's format: its name, torchvision's class for it, and each file's length and SHA-256.

    The checksums are those of the contents, after decompression, so that they hold for copies with and without ``.gz``.
    """

    name: str
    torchvision_class: str
    files: dict[str, tuple[int, str]]


MNIST = Source(
    "MNIST",
    "MNIST",
    {
        "train-images-idx3-ubyte": (47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        "train-labels-idx1-ubyte": (60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        "t10k-images-idx3-ubyte": (7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        "t10k-labels-idx1-ubyte": (10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    },
)
FASHION_MNIST = Source(
    "Fashion-MNIST",
    "FashionMNIST",
    {
        "train-images-idx3-ubyte": (47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        "train-labels-idx1-ubyte": (60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        "t10k-images-idx3-ubyte": (7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        "t10k-labels-idx1-ubyte": (10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    },
)


def cache_folder() -> Path:
    """Where downloads are kept: ``COURSEKIT_CACHE``, else ``~/.cache/coursekit``."""
    chosen = os.environ.get("COURSEKIT_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "coursekit"


def preplaced_folder() -> Path | None:
    """The folder of pre-placed copies, ``COURSEKIT_DATA``; ``None`` where the variable is not set."""
    chosen = os.environ.get("COURSEKIT_DATA")
    return Path(chosen).expanduser() if chosen else None


def read_full(source: Source) -> Pixels:
    """All images and labels of ``source``; downloads them where no copy is found.

    Raises :class:`DataError` for a copy that is incomplete, cut short or altered (it is never passed over for
    another), for a download that fails, and for a cache that cannot be written.
    """
    place = Path(source.torchvision_class, "raw")  # torchvision's layout
    preplaced, cache = preplaced_folder(), cache_folder()
    if preplaced is not None and _any_file(source, preplaced / place):
        remedy = f"copy the file again into {preplaced / place}, or unset COURSEKIT_DATA"
        return read_files(source, preplaced / place, remedy)
    if not _any_file(source, cache / place):
        _download(source, cache, looked=[folder / place for folder in (preplaced, cache) if folder is not None])
    remedy = f"delete the folder {cache / place} and call again: it is then downloaded anew"
    return read_files(source, cache / place, remedy)


def read_files(source: Source, folder: Path, remedy: str) -> Pixels:
    """The four files of ``source`` in ``folder``, each with or without ``.gz``, after a check of their SHA-256.

    Raises :class:`DataError`, with ``remedy`` as what to do, for a file that is missing, cut short or altered.
    """
    train_images, train_labels, test_images, test_labels = (
        read_idx(_checked_contents(source, name, folder, remedy)) for name in source.files
    )
    return Pixels(train_images, train_labels, test_images, test_labels)


def _any_file(source: Source, folder: Path) -> bool:
    return any((folder / (name + ending)).exists() for name in source.files for ending in ("", ".gz"))


def _checked_contents(source: Source, name: str, folder: Path, remedy: str) -> bytes:
    """The contents of one file, decompressed, of the right length and SHA-256."""
    expected_length, expected_checksum = source.files[name]
    path = folder / name
    if not path.exists():
        path = folder / f"{name}.gz"
    if not path.exists():
        raise DataError(f"{source.name} is incomplete: {folder / name} (or {name}.gz) is missing.", remedy, BUNDLED)
    try:
        contents = path.read_bytes()
        if path.suffix == ".gz":
            contents = gzip.decompress(contents)
    except EOFError as error:
        raise DataError(
            f"{source.name}: the file {path} is truncated: its compressed data end too early.", remedy, BUNDLED
        ) from error
    except zlib.error as error:
        raise DataError(f"{source.name}: the file {path} is damaged: {error}.", remedy, BUNDLED) from error
    except OSError as error:  # gzip's own complaint about a damaged file is an OSError as well
        raise DataError(f"{source.name}: the file {path} cannot be read: {error}.", remedy, BUNDLED) from error
    if len(contents) < expected_length:
        raise DataError(
            f"{source.name}: the file {path} is truncated: {len(contents):,} bytes of {expected_length:,}.",
            remedy,
            BUNDLED,
        )
    found = hashlib.sha256(contents).hexdigest()
    if found != expected_checksum:
        raise DataError(
            f"{source.name}: the file {path} has the wrong checksum: SHA-256 {found}, not {expected_checksum}.",
            remedy,
            BUNDLED,
        )
    return contents


def _download(source: Source, cache: Path, looked: list[Path]) -> None:
    """Download into a temporary folder in ``cache``, check, and put the whole in its place in one step."""
    final = cache / source.torchvision_class / "raw"
    by_hand = (
        "place the four files of the data set, with or without .gz, in FOLDER/"
        f"{source.torchvision_class}/raw and set COURSEKIT_DATA=FOLDER"
    )
    unwritable = f"set COURSEKIT_CACHE to a folder that you may write to and that has 200 MB free, or {by_hand}"
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".download-", dir=cache)
    except OSError as error:
        raise DataError(f"The cache folder {cache} cannot be written: {error}.", unwritable, BUNDLED) from error
    with temporary as folder:
        raw = Path(folder, source.torchvision_class, "raw")
        try:
            with _network_timeout(DOWNLOAD_TIMEOUT):
                _torchvision_download(source, Path(folder))
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
                raise DataError(f"The cache folder {cache} cannot be written: {error}.", unwritable, BUNDLED) from error
            if "corrupted" in str(error):
                failed = f"{source.name}: a downloaded file has the wrong checksum and was thrown away. {error}"
                raise DataError(failed.strip(), f"try again later, or {by_hand}", BUNDLED) from error
            places = " and in ".join(str(place) for place in looked)
            failed = f"{source.name}: the download failed, and no copy is in {places}. {error}"
            raise DataError(failed.strip(), f"connect to the network and call again, or {by_hand}", BUNDLED) from error
        read_files(source, raw, remedy=f"try again later, or {by_hand}")
        for archive in raw.glob("*.gz"):
            archive.unlink()
        try:
            os.replace(raw, final)
        except OSError as error:
            if not _any_file(source, final):  # else another process was faster, and its copy is as good
                raise DataError(f"The cache folder {cache} cannot be written: {error}.", unwritable, BUNDLED) from error


def _torchvision_download(source: Source, root: Path) -> None:
    """Fetch the archives from torchvision's mirrors, check torchvision's MD5 of each and decompress them."""
    from torchvision import datasets  # slow to import: only where it is needed

    getattr(datasets, source.torchvision_class)(root, download=True)


@contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    """Let new connections give up after ``seconds`` without an answer; torchvision itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

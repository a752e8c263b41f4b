"""Full data sets: looked for in a folder of pre-placed copies, then in the cache, then downloaded by torchvision."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import socket
import tempfile
import zlib
from collections.abc import Callable, Iterator
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
    """A data set on disk, in the layout of the library that downloads it.

    ``files`` has each file's length (None: not known) and checksum. They are those of the contents, after
    decompression, so that they hold for copies with and without ``.gz`` where ``endings`` allows it.
    """

    name: str
    torchvision_class: str
    files: dict[str, tuple[int | None, str]]
    folder: str = ""
    """Below ``COURSEKIT_DATA`` and below the cache; torchvision's for MNIST by default."""
    endings: tuple[str, ...] = ("", ".gz")
    algorithm: str = "sha256"
    signs: tuple[str, ...] = ()
    """Any of these names in the folder says that a copy is there; by default, any of the files."""
    system: Path | None = None
    """Where a package of the operating system puts the files."""
    space: str = "200 MB"
    """What a download needs."""
    by_hand: str = ""
    """What to do without a network."""
    bundled: str = BUNDLED
    fetch: Callable[[Path], None] | None = None
    """Downloads into a folder, as the cache will have it; torchvision's class does it by default."""

    @property
    def place(self) -> Path:
        """The folder of the files, below those in which data sets are looked for."""
        return Path(self.folder or f"{self.torchvision_class}/raw")

    @property
    def instead(self) -> str:
        """What somebody without a network does."""
        return self.by_hand or (
            "place the four files of the data set, with or without .gz, in FOLDER/"
            f"{self.torchvision_class}/raw and set COURSEKIT_DATA=FOLDER"
        )

    def is_in(self, folder: Path) -> bool:
        """Whether a copy, or a part of one, is in ``folder``."""
        return any((folder / (name + ending)).exists() for name in self.signs or self.files for ending in self.endings)


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
    system=Path("/usr/share/datasets/fashion-mnist"),  # Debian's package dataset-fashion-mnist
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
    folder, remedy = locate(source, check=lambda folder, remedy: read_files(source, folder, remedy))
    return read_files(source, folder, remedy)


def locate(source: Source, check: Callable[[Path, str], object]) -> tuple[Path, str]:
    """The folder with the copy of ``source``, and what to do if it turns out to be damaged.

    Looked at are ``COURSEKIT_DATA``, the operating system's packages and the cache. Where there is no copy, one is
    downloaded into the cache, whole or not at all; ``check`` is called with its folder and a remedy before it is kept.
    """
    preplaced, cache = preplaced_folder(), cache_folder()
    if preplaced is not None and source.is_in(preplaced / source.place):
        return preplaced / source.place, (
            f"copy the file again into {preplaced / source.place}, or unset COURSEKIT_DATA"
        )
    if source.system is not None and source.is_in(source.system):
        return source.system, f"install the package of the operating system that {source.system} belongs to again"
    if not source.is_in(cache / source.place):
        looked = [preplaced and preplaced / source.place, source.system, cache / source.place]
        _download(source, cache, [folder for folder in looked if folder is not None], check)
    return cache / source.place, f"delete the folder {cache / source.place} and call again: it is then downloaded anew"


def read_files(source: Source, folder: Path, remedy: str) -> Pixels:
    """The four files of ``source`` in ``folder``, each with or without ``.gz``, after a check of their SHA-256.

    Raises :class:`DataError`, with ``remedy`` as what to do, for a file that is missing, cut short or altered.
    """
    train_images, train_labels, test_images, test_labels = (
        read_idx(checked_contents(source, name, folder, remedy)) for name in source.files
    )
    return Pixels(train_images, train_labels, test_images, test_labels)


def checked_contents(source: Source, name: str, folder: Path, remedy: str) -> bytes:
    """The contents of one file, decompressed, of the right length and checksum.

    Raises :class:`DataError`, with ``remedy`` as what to do, where it is missing, cut short or altered.
    """
    expected_length, expected_checksum = source.files[name]
    paths = [folder / (name + ending) for ending in source.endings]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        also = "" if len(paths) == 1 else f" (or {paths[1].name})"
        raise DataError(f"{source.name} is incomplete: {paths[0]}{also} is missing.", remedy, source.bundled)
    try:
        contents = path.read_bytes()
        if path.suffix == ".gz":
            contents = gzip.decompress(contents)
    except EOFError as error:
        raise DataError(
            f"{source.name}: the file {path} is truncated: its compressed data end too early.", remedy, source.bundled
        ) from error
    except zlib.error as error:
        raise DataError(f"{source.name}: the file {path} is damaged: {error}.", remedy, source.bundled) from error
    except OSError as error:  # gzip's own complaint about a damaged file is an OSError as well
        raise DataError(f"{source.name}: the file {path} cannot be read: {error}.", remedy, source.bundled) from error
    if expected_length is not None and len(contents) < expected_length:
        raise DataError(
            f"{source.name}: the file {path} is truncated: {len(contents):,} bytes of {expected_length:,}.",
            remedy,
            source.bundled,
        )
    found = hashlib.new(source.algorithm, contents, usedforsecurity=False).hexdigest()
    if found != expected_checksum:
        raise DataError(
            f"{source.name}: the file {path} ({len(contents):,} bytes) has the wrong checksum: "
            f"{source.algorithm.upper()} {found}, not {expected_checksum}.",
            remedy,
            source.bundled,
        )
    return contents


def unwritable(folder: Path, error: OSError, space: str, by_hand: str, bundled: str) -> DataError:
    """The error of a cache folder that cannot be written."""
    remedy = f"set COURSEKIT_CACHE to a folder that you may write to and that has {space} free"
    return DataError(
        f"The cache folder {folder} cannot be written: {error}.",
        f"{remedy}, or {by_hand}" if by_hand else remedy,
        bundled,
    )


CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)


def _download(source: Source, cache: Path, looked: list[Path], check: Callable[[Path, str], object]) -> None:
    """Download into a temporary folder in ``cache``, check, and put the whole in its place in one step."""
    final = cache / source.place
    by_hand, bundled = source.instead, source.bundled
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".download-", dir=cache)
    except OSError as error:
        raise unwritable(cache, error, source.space, by_hand, bundled) from error
    with temporary as folder:
        fetched = Path(folder) / source.place
        try:
            with _network_timeout(DOWNLOAD_TIMEOUT):
                if source.fetch is None:
                    _torchvision_download(source, Path(folder))
                else:
                    source.fetch(Path(folder))
        except DataError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
                raise unwritable(cache, error, source.space, by_hand, bundled) from error
            if "corrupted" in str(error) or "checksum" in str(error):  # as torchvision and scikit-learn say it
                failed = f"{source.name}: a downloaded file has the wrong checksum and was thrown away. {error}"
                raise DataError(failed.strip(), f"try again later, or {by_hand}", bundled) from error
            places = " and in ".join(str(place) for place in looked)
            failed = f"{source.name}: the download failed, and no copy is in {places}. {error}"
            raise DataError(failed.strip(), f"connect to the network and call again, or {by_hand}", bundled) from error
        check(fetched, f"try again later, or {by_hand}")
        for archive in fetched.glob("*.gz"):
            archive.unlink()
        try:
            os.replace(fetched, final)
        except OSError as error:
            if not source.is_in(final):  # else another process was faster, and its copy is as good
                raise unwritable(cache, error, source.space, by_hand, bundled) from error


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

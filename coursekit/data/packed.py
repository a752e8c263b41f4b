"""Photographs as bytes of one size: made once from thousands of JPEG files, then read like one large array."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from coursekit.data.download import Source, cache_folder, locate, preplaced_folder, unwritable
from coursekit.data.errors import DataError
from coursekit.data.examples import ByteImages, Examples, Pictures

CHUNK = 1000
"""Photographs that are in memory at once while they are packed."""


class Split(NamedTuple):
    """The files of one split and a label, or several, for each: (N,) or (N, K)."""

    files: list[Path]
    labels: NDArray[numpy.integer[Any]]


@dataclass(frozen=True)
class Photographs:
    """A data set of photographs of one format, of which the middle is used.

    ``splits`` reads the folder of the data set: the names of the classes, and the splits by name. It is given a remedy
    for the errors that it raises.
    """

    source: Source
    width: int
    height: int
    crop: int
    names: tuple[str, ...]
    splits: Callable[[Path, str], tuple[list[str], Mapping[str, Split]]]

    def load(self, size: int) -> Pictures:
        """Squares of ``size`` pixels; packed into the cache at the first call.

        Raises :class:`DataError` where the data cannot be had, a photograph is damaged, or the cache cannot be written.
        """
        if not 8 <= size <= self.crop:
            raise DataError(f"size is {size!r}, and must be from 8 to {self.crop} pixels.", "give another size")
        place = Path("packed", f"{self.source.folder}-{size}")
        for base in (preplaced_folder(), cache_folder()):
            if base is not None and (base / place).is_dir():
                return self._read(base / place, size)
        folder, remedy = locate(self.source, check=self.splits)
        self._pack(folder, remedy, cache_folder() / place, size)
        return self._read(cache_folder() / place, size)

    def _read(self, folder: Path, size: int) -> Pictures:
        """The packed splits in ``folder``; the images stay on the disk until they are asked for."""
        splits: dict[str, Examples] = {}
        try:
            classes = tuple((folder / "classes.txt").read_text(encoding="utf-8").splitlines())
            for name in self.names:
                pixels = numpy.load(folder / f"{name}-images.npy", mmap_mode="c")  # (N, 3, S, S)
                labels = numpy.load(folder / f"{name}-labels.npy")  # (N,) or (N, K)
                if pixels.shape != (len(labels), 3, size, size) or pixels.dtype != numpy.uint8:
                    raise ValueError(f"{name} has {len(labels)} labels and {pixels.dtype} images of {pixels.shape}")
                splits[name] = Examples(ByteImages(torch.from_numpy(pixels)), torch.from_numpy(labels).long())
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"{self.source.name}: the packed copy in {folder} is damaged: {error}.",
                f"delete the folder {folder} and call again: it is then packed anew",
                self.source.bundled,
            ) from error
        return Pictures(self.source.name, classes, splits["train"], splits["test"], splits.get("validation"))

    def _pack(self, folder: Path, remedy: str, final: Path, size: int) -> None:
        """Pack into a temporary folder in the cache, and put the whole in its place in one step."""
        classes, splits = self.splits(folder, remedy)
        cache = cache_folder()
        count = sum(len(split.files) for split in splits.values())
        space = f"{max(1, count * 3 * size * size // 10**6):,} MB"
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".packing-", dir=cache) as temporary:
                target = Path(temporary, final.name)
                target.mkdir()
                (target / "classes.txt").write_text("\n".join(classes), encoding="utf-8")
                with tqdm(total=count, desc=f"packing {self.source.name}", unit="image", leave=False) as bar:
                    for name, split in splits.items():
                        numpy.save(target / f"{name}-labels.npy", split.labels)
                        with open(target / f"{name}-images.npy", "wb") as file:
                            shape = (len(split.files), 3, size, size)
                            head = {"descr": "|u1", "fortran_order": False, "shape": shape}
                            numpy.lib.format.write_array_header_1_0(file, head)
                            for chunk in self._chunks(split.files, size, remedy):
                                file.write(chunk.tobytes())
                                bar.update(len(chunk))
                os.replace(target, final)
        except OSError as error:
            if not final.is_dir():  # else another process was faster, and its copy is as good
                raise unwritable(cache, error, space, "", self.source.bundled) from error

    def _chunks(self, files: list[Path], size: int, remedy: str) -> Iterator[NDArray[numpy.uint8]]:
        """The squares in the order of ``files``, (C, 3, S, S) at a time."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(files), CHUNK):
                square = partial(self._square, size=size, remedy=remedy)
                yield numpy.stack(list(pool.map(square, files[start : start + CHUNK])))

    def _square(self, path: Path, size: int, remedy: str) -> NDArray[numpy.uint8]:
        """The middle of one photograph, ``crop`` pixels wide, resized: (3, S, S)."""
        from PIL import Image  # comes with torchvision

        name, bundled = self.source.name, self.source.bundled
        left, top = (self.width - self.crop) // 2, (self.height - self.crop) // 2
        try:
            with Image.open(path) as picture:
                if picture.size != (self.width, self.height):
                    found = f"{picture.size[0]} x {picture.size[1]} pixels, not {self.width} x {self.height}"
                    raise DataError(f"{name}: the file {path} is an image of {found}.", remedy, bundled)
                box = (left, top, left + self.crop, top + self.crop)
                # Cut out first: resizing a box of a larger picture mixes in what is around it.
                small = picture.convert("RGB").crop(box).resize((size, size), Image.Resampling.BILINEAR)  # antialiased
        except FileNotFoundError as error:
            raise DataError(f"{name} is incomplete: {path} is missing.", remedy, bundled) from error
        except (OSError, SyntaxError) as error:  # both are Pillow's, for what is cut short or no image
            raise DataError(f"{name}: the file {path} is damaged: {error}.", remedy, bundled) from error
        return numpy.asarray(small).transpose(2, 0, 1)

"""CIFAR-10 and two sets of faces: photographs in colour, downloaded when asked for."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy
import torch

from coursekit.data.download import Source, checked_contents, locate
from coursekit.data.errors import DataError
from coursekit.data.examples import ByteImages, Examples, Pictures
from coursekit.data.packed import Photographs, Split

DRAWN = "no photographs are bundled; ck.data.shapes() draws images in colour, with no network."


def cifar10() -> Pictures:
    """CIFAR-10: photographs of animals and vehicles in ten classes, 32 x 32 in colour, 50,000 and 10,000 of them.

    They come from the folder ``COURSEKIT_DATA``, the cache or the network, in this order, as MNIST does.

    The files of CIFAR-10 are pickles, and a pickle may run code. Each is read only after its length and its MD5 were
    found to be those that torchvision states, and by a reader that knows arrays, lists and text, and nothing else. If
    you open the same folder with torchvision's own ``CIFAR10``, it unpickles them without such a reader, after the MD5.

    Raises :class:`DataError` where the data cannot be had.

    Source: Krizhevsky (2009), "Learning multiple layers of features from tiny images".
    """
    folder, remedy = locate(CIFAR10, check=_cifar_batches)
    classes, train, test = _cifar_batches(folder, remedy)
    return Pictures(CIFAR10.name, classes, train, test)


def celeba(size: int = 64) -> Pictures:
    """CelebA: 202,599 aligned faces of known people with 40 attributes each, in the official three splits.

    ``size``: the middle 148 x 148 of the 178 x 218 pixels, resized (antialiased) to so many; another crop gives another
    FID. ``labels`` are the attributes, shape (N, 40), 0 or 1, and ``classes`` their names.

    The first call downloads 1.4 GB from a Google Drive, which torchvision does with the package gdown and which its
    owners often limit, and packs the images: some minutes, and 2.5 GB of the cache for 64 pixels. Later calls read the
    packed copy, of which only those images are in memory that are looked at. The checksums are torchvision's. For the
    images they are those of the archive; in a folder of unpacked photographs each must be whole and of its size.

    Raises :class:`DataError` where the data cannot be had.

    Source: Liu, Luo, Wang and Tang (2015), "Deep learning face attributes in the wild".
    """
    return CELEBA_FACES.load(size)


def lfw(size: int = 64) -> Pictures:
    """Labelled Faces in the Wild: 13,233 faces of 5,749 people in the news, "funneled" (aligned).

    ``size``: the middle 128 x 128 of the 250 x 250 pixels, resized (antialiased) to so many. ``labels`` are the people,
    ``classes`` their names. There is no official split for our purpose. Every tenth person by name is in the test
    split, with all of their pictures, so that nobody is in both.

    The first call downloads 230 MB through scikit-learn, which checks them, and packs the images into the cache.

    Raises :class:`DataError` where the data cannot be had.

    Source: Huang, Ramesh, Berg and Learned-Miller (2007), "Labeled faces in the wild"; the alignment: Huang, Jain and
    Learned-Miller (2007).
    """
    return LFW_FACES.load(size)


class _ArrayUnpickler(pickle.Unpickler):
    """Reads dictionaries, lists, text and arrays; refuses to look up anything else."""

    known = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str) -> Any:
        """The few functions that make an array."""
        if (module, name) not in self.known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def _cifar_batches(folder: Path, remedy: str) -> tuple[tuple[str, ...], Examples, Examples]:
    """The names of the classes, the training and the test split."""
    contents: dict[str, Any] = {}
    for name in CIFAR10.files:
        pickled = checked_contents(CIFAR10, name, folder, remedy)
        try:
            contents[name] = _ArrayUnpickler(io.BytesIO(pickled), encoding="latin1").load()
        except (pickle.UnpicklingError, EOFError) as error:
            raise DataError(f"CIFAR-10: the file {folder / name} is refused: {error}.", remedy, DRAWN) from error
    meta = contents.pop("batches.meta")
    test = contents.pop("test_batch")
    return tuple(meta["label_names"]), _cifar_examples(list(contents.values())), _cifar_examples([test])


def _cifar_examples(batches: list[dict[str, Any]]) -> Examples:
    pixels = numpy.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)  # (N, 3, 32, 32)
    labels = torch.tensor([label for batch in batches for label in batch["labels"]])  # (N,)
    return Examples(ByteImages(torch.from_numpy(pixels)), labels)


def _fetch_cifar(root: Path) -> None:
    """The archive from the authors' site, checked and unpacked by torchvision; nothing is unpickled."""
    from torchvision import datasets

    set_ = datasets.CIFAR10
    datasets.utils.download_and_extract_archive(set_.url, str(root), filename=set_.filename, md5=set_.tgz_md5)


def _celeba_splits(folder: Path, remedy: str) -> tuple[list[str], Mapping[str, Split]]:
    """The names of the 40 attributes and the three official splits."""
    attributes = checked_contents(CELEBA, ATTRIBUTES, folder, remedy).decode("ascii").splitlines()
    partition = checked_contents(CELEBA, PARTITION, folder, remedy).decode("ascii").splitlines()
    if not (folder / PHOTOGRAPHS).is_dir():
        raise DataError(
            f"CelebA is incomplete: the folder {folder / PHOTOGRAPHS} is missing.",
            f"unpack {PHOTOGRAPHS}.zip in {folder}, or {remedy}",
            DRAWN,
        )
    names = attributes[1].split()  # the first line is the number of rows
    rows = [line.split() for line in attributes[2:]]
    labels = numpy.array([row[1:] for row in rows], dtype=numpy.int8)  # (N, 40), -1 or 1
    row_of = {row[0]: i for i, row in enumerate(rows)}
    splits = {}
    for code, name in enumerate(("train", "validation", "test")):
        files = [line.split()[0] for line in partition if line.split()[1] == str(code)]
        own = (labels[[row_of[file] for file in files]] > 0).astype(numpy.int8)  # (n, 40)
        splits[name] = Split([folder / PHOTOGRAPHS / file for file in files], own)
    return names, splits


def _fetch_celeba(root: Path) -> None:
    """All files through torchvision, which checks them."""
    if find_spec("gdown") is None:
        raise DataError(
            "CelebA: its download from a Google Drive needs the package gdown.",
            f'pip install gdown (or "coursekit[faces]") and call again, or {CELEBA.by_hand}',
            DRAWN,
        )
    from torchvision import datasets

    datasets.CelebA(root, download=True)
    (root / CELEBA.folder / f"{PHOTOGRAPHS}.zip").unlink()


def _lfw_splits(folder: Path, remedy: str) -> tuple[list[str], Mapping[str, Split]]:
    """The names of the people; nine tenths of them for training, one for testing."""
    people = sorted(person for person in (folder / FUNNELED).glob("*") if person.is_dir())
    files = [(i, file) for i, person in enumerate(people) for file in sorted(person.glob("*.jpg"))]
    if (len(people), len(files)) != (LFW_PEOPLE, LFW_IMAGES):
        raise DataError(
            f"LFW is incomplete: {folder / FUNNELED} has {len(files):,} photographs of {len(people):,} people, not "
            f"{LFW_IMAGES:,} of {LFW_PEOPLE:,}.",
            remedy,
            DRAWN,
        )
    splits = {}
    for name, held_out in (("train", False), ("test", True)):
        own = [(i, file) for i, file in files if (i % 10 == 9) == held_out]
        splits[name] = Split([file for _, file in own], numpy.array([i for i, _ in own], dtype=numpy.int64))
    return [person.name.replace("_", " ") for person in people], splits


def _fetch_lfw(root: Path) -> None:
    """The archive through scikit-learn, which checks its SHA-256 and unpacks it."""
    try:
        from sklearn.datasets import fetch_lfw_people
    except ImportError as error:
        raise DataError(
            f"LFW: its download needs the package scikit-learn, which cannot be imported: {error}.",
            f'pip install scikit-learn (or "coursekit[faces]") and call again, or {LFW.by_hand}',
            DRAWN,
        ) from error
    whole = (slice(0, 250), slice(0, 250))
    fetch_lfw_people(data_home=root, color=True, slice_=whole, resize=0.01, n_retries=1)  # its tiny images are not used
    rmtree(root / LFW.folder / "joblib", ignore_errors=True)  # a copy of those
    (root / LFW.folder / ".gitignore").unlink(missing_ok=True)


CIFAR10 = Source(
    "CIFAR-10",
    "CIFAR10",
    {
        "data_batch_1": (31_035_704, "c99cafc152244af753f735de768cd75f"),
        "data_batch_2": (31_035_320, "d4bba439e000b95fd0a9bffe97cbabec"),
        "data_batch_3": (31_035_999, "54ebc095f3ab1f0389bbae665268c751"),
        "data_batch_4": (31_035_696, "634d18415352ddfa80567beed471001a"),
        "data_batch_5": (31_035_623, "482c414d41f54cd18b22e5b47cb7c3cb"),
        "test_batch": (31_035_526, "40351d587109b95175f43aff81a1287e"),
        "batches.meta": (158, "5ff9c542aee3614f3951f8cda6e48888"),
    },
    folder="cifar-10-batches-py",
    endings=("",),
    algorithm="md5",
    space="400 MB",
    by_hand=(
        "unpack cifar-10-python.tar.gz in FOLDER, so that FOLDER/cifar-10-batches-py has its seven files, "
        "and set COURSEKIT_DATA=FOLDER"
    ),
    bundled=DRAWN,
    fetch=_fetch_cifar,
)

ATTRIBUTES, PARTITION, PHOTOGRAPHS = "list_attr_celeba.txt", "list_eval_partition.txt", "img_align_celeba"
CELEBA = Source(
    "CelebA",
    "CelebA",
    {ATTRIBUTES: (None, "75e246fa4810816ffd6ee81facbd244c"), PARTITION: (None, "d32c9cbf5e040fd4025c592c306e6668")},
    folder="celeba",
    endings=("",),
    algorithm="md5",
    signs=(ATTRIBUTES, PARTITION, PHOTOGRAPHS),
    space="6 GB",
    by_hand=(
        f"place {ATTRIBUTES}, {PARTITION} and the unpacked folder {PHOTOGRAPHS} in FOLDER/celeba "
        "and set COURSEKIT_DATA=FOLDER"
    ),
    bundled=DRAWN,
    fetch=_fetch_celeba,
)
CELEBA_FACES = Photographs(CELEBA, 178, 218, 148, ("train", "validation", "test"), _celeba_splits)

FUNNELED = "lfw_funneled"
LFW_IMAGES, LFW_PEOPLE = 13_233, 5_749
LFW = Source(
    "LFW",
    "",  # scikit-learn downloads it
    {},
    folder="lfw_home",
    endings=("",),
    signs=(FUNNELED,),
    space="1 GB",
    by_hand=(
        f"unpack lfw-funneled.tgz in FOLDER/lfw_home, so that FOLDER/lfw_home/{FUNNELED} has a folder for each person, "
        "and set COURSEKIT_DATA=FOLDER"
    ),
    bundled=DRAWN,
    fetch=_fetch_lfw,
)
LFW_FACES = Photographs(LFW, 250, 250, 128, ("train", "test"), _lfw_splits)

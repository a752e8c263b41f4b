"""CIFAR-10, CelebA and LFW from small files in their own formats on disk; no test touches the network."""

import dataclasses
import errno
import hashlib
import importlib.machinery
import io
import os
import struct
import sys
import tarfile
import types
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

import coursekit as ck
from coursekit import data
from coursekit.data import download, packed, photographs

random = numpy.random.Generator(numpy.random.PCG64(0))


# Files in the formats of the originals


def python2_pickle(batch: dict) -> bytes:
    """What Python 2's pickle, with which CIFAR-10 was written, makes of text, lists of both, and arrays of bytes."""

    def text(value: str | bytes) -> bytes:
        raw = value.encode("latin1") if isinstance(value, str) else value
        return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw

    def pickled(value: object) -> bytes:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, int):
            return b"K" + bytes([value])
        if isinstance(value, list):
            return b"](" + b"".join(map(pickled, value)) + b"e"
        assert isinstance(value, numpy.ndarray) and value.dtype == numpy.uint8
        shape = b"(" + b"".join(b"J" + struct.pack("<i", length) for length in value.shape) + b"t"
        dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
        return made + b"(K\x01" + shape + dtype + b"\x89" + text(value.tobytes()) + b"tb"

    return b"\x80\x02}(" + b"".join(text(key) + pickled(value) for key, value in batch.items()) + b"u."


CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
CIFAR_PIXELS = random.integers(0, 256, (13, 3072)).astype(numpy.uint8)
CIFAR_LABELS = [9, 0, 3, 8, 8, 1, 2, 7, 4, 5, 6, 0, 9]


def cifar_files() -> dict[str, bytes]:
    """Five batches of two training images and one of three test images."""
    batch = [(f"data_batch_{i + 1}", slice(2 * i, 2 * i + 2)) for i in range(5)] + [("test_batch", slice(10, 13))]
    files = {
        name: python2_pickle(
            {
                "batch_label": f"batch {name}",
                "labels": CIFAR_LABELS[rows],
                "data": CIFAR_PIXELS[rows],
                "filenames": [f"{i}.png" for i in range(len(CIFAR_LABELS[rows]))],
            }
        )
        for name, rows in batch
    }
    return files | {"batches.meta": python2_pickle({"num_cases_per_batch": 2, "label_names": CLASSES, "num_vis": 72})}


def jpeg(width: int, height: int, inside: int, colour: tuple[int, int, int]) -> bytes:
    """A photograph of one colour in the square that is used, black around it."""
    picture = Image.new("RGB", (width, height))
    left, top = (width - inside) // 2, (height - inside) // 2
    picture.paste(colour, (left, top, left + inside, top + inside))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


COLOURS = [(200, 50, 100), (20, 220, 60), (90, 90, 240), (240, 240, 30), (130, 10, 10), (60, 60, 60), (10, 200, 200)]
NAMES = [f"{i + 1:06d}.jpg" for i in range(7)]
SPLITS = [0, 0, 0, 0, 1, 2, 2]
ATTRIBUTES = ["Bald", "Eyeglasses", "Smiling"]
SIGNS = [[-1, 1, -1], [1, 1, -1], [-1, -1, -1], [-1, -1, 1], [1, 1, 1], [1, -1, 1], [-1, 1, 1]]


def celeba_files() -> dict[str, bytes]:
    """CelebA's text files and photographs, seven of them with three attributes."""

    def table(rows: list[list], header: str | None = None) -> bytes:
        lines = [f"{name} " + " ".join(f"{value:2d}" for value in row) for name, row in zip(NAMES, rows, strict=True)]
        head = [] if header is None else [str(len(rows)), header]
        return ("\n".join(head + lines) + "\n").encode()

    files = {
        "list_attr_celeba.txt": table(SIGNS, " ".join(ATTRIBUTES) + " "),
        "list_eval_partition.txt": "".join(f"{n} {s}\n" for n, s in zip(NAMES, SPLITS, strict=True)).encode(),
        "identity_CelebA.txt": table([[i] for i in range(7)]),
        "list_bbox_celeba.txt": table([[95, 71, 226, 313]] * 7, "image_id x_1 y_1 width height"),
        "list_landmarks_align_celeba.txt": table([[69, 109]] * 7, "lefteye_x lefteye_y"),
    }
    photos = zip(NAMES, COLOURS, strict=True)
    return files | {f"img_align_celeba/{name}": jpeg(178, 218, 148, colour) for name, colour in photos}


def lfw_files() -> dict[str, bytes]:
    """Twelve people, the tenth of them with two photographs."""
    people = [f"Ada_Example_{i:02d}" for i in range(12)]
    files = {}
    for i, person in enumerate(people):
        for k in range(1 + (i == 9)):
            colour = (20 * i, 200 - 10 * i, 100 * k)
            files[f"lfw_funneled/{person}/{person}_{k + 1:04d}.jpg"] = jpeg(250, 250, 128, colour)
    return files | {"lfw_funneled/pairs_01.txt": b"not a person"}


CIFAR, CELEBA, LFW = cifar_files(), celeba_files(), lfw_files()
FOLDERS = {"cifar10": "cifar-10-batches-py", "celeba": "celeba", "lfw": "lfw_home"}
FILES = {"cifar10": CIFAR, "celeba": CELEBA, "lfw": LFW}


def md5(contents: bytes) -> str:
    return hashlib.md5(contents).hexdigest()


@pytest.fixture(autouse=True)
def small_sets(monkeypatch, tmp_path):
    """The small sets in place of the full ones; nothing is placed, nothing cached, and there is no network."""
    files = {name: (len(contents), md5(contents)) for name, contents in CIFAR.items()}
    monkeypatch.setattr(photographs, "CIFAR10", dataclasses.replace(photographs.CIFAR10, files=files))
    texts = {name: (None, md5(CELEBA[name])) for name in photographs.CELEBA.files}
    monkeypatch.setattr(photographs, "CELEBA", dataclasses.replace(photographs.CELEBA, files=texts))
    faces = dataclasses.replace(photographs.CELEBA_FACES, source=photographs.CELEBA)
    monkeypatch.setattr(photographs, "CELEBA_FACES", faces)
    monkeypatch.setattr(photographs, "LFW_PEOPLE", 12)
    monkeypatch.setattr(photographs, "LFW_IMAGES", 13)
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))

    def no_network(request, *arguments, **options):
        raise urllib.error.URLError(OSError(errno.ENETUNREACH, "Network is unreachable"))

    monkeypatch.setattr(urllib.request, "urlopen", no_network)


LOADERS = {"cifar10": data.cifar10, "celeba": lambda: data.celeba(16), "lfw": lambda: data.lfw(16)}


def place(root: Path, which: str) -> Path:
    """The small set in its own layout below ``root``; returns its folder."""
    folder = root / FOLDERS[which]
    for name, contents in FILES[which].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(contents)
    return folder


def files_below(folder: Path) -> list[str]:
    """Every file, and every temporary folder, below ``folder``."""
    found = folder.rglob("*")
    return sorted(str(path.relative_to(folder)) for path in found if path.is_file() or path.name.startswith("."))


def assert_complete(error: data.DataError, *words: str) -> None:
    """The message says what failed, what to do, and what there is without a network."""
    message = str(error)
    assert "What to do: " in message and "The bundled data: " in message and "ck.data.shapes()" in message
    for word in words:
        assert word in message, message


def assert_cifar(loaded: data.Pictures) -> None:
    assert loaded.name == "CIFAR-10" and loaded.classes == tuple(CLASSES) and loaded.validation is None
    assert len(loaded.train) == 10 and len(loaded.test) == 3
    images = loaded.train.images[torch.arange(10)]
    assert images.shape == (10, 3, 32, 32) and images.dtype == torch.float32 and images.max() <= 1
    for i, c, h, w in ((0, 0, 0, 1), (3, 1, 5, 7), (9, 2, 31, 31)):  # red first, then green, then blue, row by row
        assert images[i, c, h, w].item() == pytest.approx(CIFAR_PIXELS[i, 1024 * c + 32 * h + w] / 255, abs=1e-7)
    assert loaded.train.labels.tolist() == CIFAR_LABELS[:10] and loaded.test.labels.tolist() == CIFAR_LABELS[10:]
    assert loaded.train.labels.dtype == torch.int64


def assert_colours(images: torch.Tensor, colours: list[tuple[int, int, int]]) -> None:
    """Each image is of its colour up to its edge: nothing of the black frame is left, and JPEG was kind."""
    expected = torch.tensor(colours)[:, :, None, None] / 255
    assert (images - expected).abs().max() < 0.1 and (images - expected).abs().mean() < 0.01


def assert_celeba(loaded: data.Pictures) -> None:
    assert loaded.name == "CelebA" and loaded.classes == tuple(ATTRIBUTES) and loaded.validation is not None
    assert [len(split) for split in (loaded.train, loaded.validation, loaded.test)] == [4, 1, 2]
    assert loaded.train.labels.tolist() == [[0, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert loaded.test.labels.tolist() == [[1, 0, 1], [0, 1, 1]] and loaded.train.labels.dtype == torch.int64
    images, labels = loaded.train[torch.tensor([2, 0])]
    assert images.shape == (2, 3, 16, 16) and labels.tolist() == [[0, 0, 0], [0, 1, 0]]
    assert_colours(images, [COLOURS[2], COLOURS[0]])
    assert_colours(loaded.validation.images[:], COLOURS[4:5])
    assert_colours(loaded.test.images[:], COLOURS[5:])


def assert_lfw(loaded: data.Pictures) -> None:
    assert loaded.name == "LFW" and len(loaded.classes) == 12 and loaded.classes[1] == "Ada Example 01"
    assert loaded.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11]
    assert loaded.test.labels.tolist() == [9, 9]  # the tenth person, with both pictures, and nobody else
    assert_colours(loaded.test.images[:], [(180, 110, 0), (180, 110, 100)])
    assert_colours(loaded.train.images[9:], [(200, 100, 0), (220, 90, 0)])


ASSERTIONS = {"cifar10": assert_cifar, "celeba": assert_celeba, "lfw": assert_lfw}


# Copies that were placed by hand


@pytest.mark.parametrize("which", LOADERS)
def test_preplaced_copies_are_read_and_left_as_they_are(tmp_path, which):
    folder = place(tmp_path / "placed", which)
    before = files_below(folder)
    ASSERTIONS[which](LOADERS[which]())
    assert files_below(folder) == before


def test_torchvision_agrees_with_our_reading_of_cifar(monkeypatch, tmp_path):
    from torchvision import datasets

    place(tmp_path / "placed", "cifar10")
    trust_torchvision(monkeypatch)
    ours = data.cifar10()
    for train, split in ((True, ours.train), (False, ours.test)):
        theirs = datasets.CIFAR10(tmp_path / "placed", train=train)
        pixels = torch.from_numpy(theirs.data).permute(0, 3, 1, 2)
        assert torch.equal((split.images[:] * 255).round().byte(), pixels) and split.labels.tolist() == theirs.targets


def test_torchvision_agrees_with_our_reading_of_celeba(monkeypatch, tmp_path):
    from torchvision import datasets

    place(tmp_path / "placed", "celeba")
    trust_torchvision(monkeypatch)
    ours = data.celeba(16)
    for name, split in (("train", ours.train), ("test", ours.test)):  # theirs cannot read a split of one
        theirs = datasets.CelebA(tmp_path / "placed", split=name)
        assert len(theirs) == len(split) and torch.equal(
            torch.stack([theirs[i][1] for i in range(len(theirs))]), split.labels
        )
        for i in range(len(theirs)):
            crop = torch.tensor(numpy.asarray(theirs[i][0]))[35:183, 15:163].float() / 255  # (148, 148, 3)
            assert (split.images[i].mean(dim=(1, 2)) - crop.mean(dim=(0, 1))).abs().max() < 0.01


def test_the_crop_is_resized_like_torchvision_does_it(tmp_path):
    """A photograph with something to see, against torchvision's own crop and antialiased resizing."""
    from torchvision.transforms import v2

    folder = place(tmp_path / "placed", "celeba")
    rows, columns = numpy.mgrid[:218, :178]
    waves = numpy.stack([127 + 120 * numpy.sin(rows / k) * numpy.cos(columns / (9 - k)) for k in (3, 4, 5)], axis=2)
    Image.fromarray(waves.astype(numpy.uint8)).save(folder / "img_align_celeba" / NAMES[1], quality=95, subsampling=0)
    picture = v2.functional.pil_to_tensor(Image.open(folder / "img_align_celeba" / NAMES[1]))
    expected = v2.Resize(64, antialias=True)(v2.CenterCrop(148)(picture)).float() / 255  # (3, 64, 64)
    assert (data.celeba(64).train.images[1] - expected).abs().max() < 0.02


@pytest.mark.parametrize("which", ["celeba", "lfw"])
def test_photographs_are_packed_once_and_read_from_the_packed_copy(monkeypatch, tmp_path, which):
    place(tmp_path / "placed", which)
    LOADERS[which]()
    packed_files = files_below(tmp_path / "cache")
    assert [name.split("/")[:2] for name in packed_files] == [["packed", f"{FOLDERS[which]}-16"]] * len(packed_files)
    monkeypatch.delenv("COURSEKIT_DATA")
    ASSERTIONS[which](LOADERS[which]())  # there is neither a folder of photographs nor a network any more
    (tmp_path / "cache").rename(tmp_path / "class")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "class"))
    ASSERTIONS[which](LOADERS[which]())  # a packed copy may be placed like any other
    assert not (tmp_path / "cache").exists()


def test_more_photographs_than_are_held_at_once_keep_their_order(monkeypatch, tmp_path):
    monkeypatch.setattr(packed, "CHUNK", 2)
    place(tmp_path / "placed", "celeba")
    assert_celeba(data.celeba(16))


def test_fit_takes_the_packed_images(tmp_path):
    place(tmp_path / "placed", "celeba")
    faces = data.celeba(16)
    seen = []

    class Watcher(ck.training.Model):
        def __init__(self) -> None:
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(()))

        def loss(self, batch):
            seen.append(batch)
            return (batch - self.bias).square().mean()

    ck.fit(Watcher(), faces.train.images, epochs=1, batch_size=2, device="cpu", progress=False)
    assert [batch.shape for batch in seen] == [(2, 3, 16, 16)] * 2 and seen[0].dtype == torch.float32
    everything = torch.cat(seen).mean(dim=(1, 2, 3)).sort().values
    torch.testing.assert_close(everything, faces.train.images[:].mean(dim=(1, 2, 3)).sort().values)


def test_bytes_stay_bytes_until_they_are_looked_at():
    pixels = torch.arange(2 * 3 * 4, dtype=torch.uint8).view(2, 3, 2, 2)
    images = data.ByteImages(pixels)
    assert len(images) == 2 and images.shape == (2, 3, 2, 2)
    assert torch.equal(images[torch.tensor([1])], pixels[1:].float() / 255)
    assert images.to("meta").pixels.dtype == torch.uint8 and images.to("meta")[:1].device.type == "meta"


def test_a_set_of_pictures_says_what_it_is_and_moves(tmp_path):
    place(tmp_path / "placed", "celeba")
    loaded = data.celeba(16)
    assert repr(loaded) == "Pictures(CelebA, 16 x 16: 4 train, 2 test)"
    moved = loaded.to("meta")
    assert moved.validation.images[:].device.type == moved.train.labels.device.type == "meta"


@pytest.mark.parametrize("load, most", [(data.celeba, 148), (data.lfw, 128)])
@pytest.mark.parametrize("size", [4, 200])
def test_a_size_that_there_is_not_is_named(load, most, size):
    with pytest.raises(data.DataError, match=f"size is {size}, and must be from 8 to {most}"):
        load(size)


# What may be wrong with a copy


@pytest.mark.parametrize("where", ["placed", "cache"])
@pytest.mark.parametrize("name", ["data_batch_3", "batches.meta"])
def test_a_truncated_batch(tmp_path, where, name):
    path = place(tmp_path / where, "cifar10") / name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(data.DataError) as caught:
        data.cifar10()
    remedy = {"placed": "copy the file again", "cache": "delete the folder"}[where]
    assert_complete(caught.value, "truncated", str(path), remedy)


@pytest.mark.parametrize(
    "which, name",
    [("cifar10", "test_batch"), ("celeba", "list_attr_celeba.txt"), ("celeba", "list_eval_partition.txt")],
)
def test_a_file_with_the_wrong_checksum(tmp_path, which, name):
    path = place(tmp_path / "placed", which) / name
    contents = bytearray(path.read_bytes())
    contents[40] ^= 1
    path.write_bytes(contents)
    with pytest.raises(data.DataError) as caught:
        LOADERS[which]()
    assert_complete(caught.value, "wrong checksum: MD5", str(path))


@pytest.mark.parametrize(
    "which, name",
    [
        ("cifar10", "data_batch_5"),
        ("cifar10", "batches.meta"),
        ("celeba", "list_attr_celeba.txt"),
        ("celeba", "list_eval_partition.txt"),
        ("celeba", "img_align_celeba/000002.jpg"),
        ("lfw", "lfw_funneled/Ada_Example_03/Ada_Example_03_0001.jpg"),
    ],
)
def test_an_incomplete_copy(tmp_path, which, name):
    (place(tmp_path / "placed", which) / name).unlink()
    with pytest.raises(data.DataError) as caught:
        LOADERS[which]()
    assert_complete(caught.value, "incomplete", "12 photographs" if which == "lfw" else name)
    assert files_below(tmp_path / "cache") == []


def test_photographs_that_were_not_unpacked(tmp_path):
    folder = place(tmp_path / "placed", "celeba")
    (folder / "img_align_celeba").rename(folder / "elsewhere")
    with pytest.raises(data.DataError) as caught:
        data.celeba(16)
    assert_complete(caught.value, "img_align_celeba is missing", "unpack img_align_celeba.zip")


@pytest.mark.parametrize(
    "contents, said",
    [
        (CELEBA["img_align_celeba/000002.jpg"][:-200], "damaged: image file is truncated"),
        (b"<html>Quota exceeded</html>", "damaged: cannot identify image file"),
        (b"", "damaged: cannot identify image file"),
        (jpeg(178, 178, 148, (1, 2, 3)), "an image of 178 x 178 pixels, not 178 x 218"),
    ],
    ids=["cut short", "a web page", "empty", "another size"],
)
def test_a_damaged_photograph_is_named_and_nothing_half_packed_is_left(tmp_path, contents, said):
    path = place(tmp_path / "placed", "celeba") / "img_align_celeba" / "000002.jpg"
    path.write_bytes(contents)
    with pytest.raises(data.DataError) as caught:
        data.celeba(16)
    assert_complete(caught.value, said, str(path), "copy the file again")
    assert files_below(tmp_path / "cache") == []


def test_packing_that_is_interrupted_leaves_nothing(monkeypatch, tmp_path):
    place(tmp_path / "placed", "lfw")

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(packed.numpy, "stack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.lfw(16)
    assert files_below(tmp_path / "cache") == []


@pytest.mark.parametrize("moment", ["save", "replace"])
def test_a_disk_that_is_full_while_packing(monkeypatch, tmp_path, moment):
    place(tmp_path / "placed", "celeba")

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*{"save": (packed.numpy, "save"), "replace": (os, "replace")}[moment], full)
    with pytest.raises(data.DataError) as caught:
        data.celeba(16)
    assert_complete(caught.value, "cannot be written", "No space left", "COURSEKIT_CACHE", "1 MB free")
    assert files_below(tmp_path / "cache") == []


@pytest.mark.parametrize("which", LOADERS)
def test_a_cache_that_cannot_be_made(monkeypatch, tmp_path, which):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(data.DataError) as caught:
        LOADERS[which]()
    assert_complete(caught.value, "cannot be written", "COURSEKIT_CACHE", "free, or ")
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize(
    "name, change",
    [
        ("train-images.npy", lambda contents: contents[:-100]),
        ("test-labels.npy", lambda contents: contents[:-1]),
        ("train-images.npy", lambda contents: b"not an array"),
        ("validation-labels.npy", None),
    ],
    ids=["images cut short", "labels cut short", "not an array", "missing"],
)
def test_a_damaged_packed_copy(tmp_path, name, change):
    place(tmp_path / "placed", "celeba")
    data.celeba(16)
    path = tmp_path / "cache" / "packed" / "celeba-16" / name
    contents = path.read_bytes()
    path.unlink()
    if change is not None:
        path.write_bytes(change(contents))
    with pytest.raises(data.DataError) as caught:
        data.celeba(16)
    assert_complete(caught.value, "packed copy", "damaged", f"delete the folder {path.parent}")


def test_a_pickle_that_wants_more_than_arrays_is_refused_and_does_nothing(monkeypatch, tmp_path):
    """Even one with the right checksum."""
    folder = place(tmp_path / "placed", "cifar10")
    target = tmp_path / "made by a pickle"
    evil = b"\x80\x02cos\nmkdir\n(U" + bytes([len(str(target))]) + str(target).encode() + b"tR."
    (folder / "data_batch_2").write_bytes(evil)
    files = photographs.CIFAR10.files | {"data_batch_2": (len(evil), md5(evil))}
    monkeypatch.setattr(photographs, "CIFAR10", dataclasses.replace(photographs.CIFAR10, files=files))
    with pytest.raises(data.DataError) as caught:
        data.cifar10()
    assert_complete(caught.value, "data_batch_2 is refused: it asks for os.mkdir")
    assert not target.exists()


# Downloads


def trust_torchvision(monkeypatch) -> None:
    """Let torchvision have the checksums of the small sets."""
    from torchvision import datasets

    cifar = datasets.CIFAR10
    monkeypatch.setattr(cifar, "train_list", [[f"data_batch_{i}", md5(CIFAR[f"data_batch_{i}"])] for i in range(1, 6)])
    monkeypatch.setattr(cifar, "test_list", [["test_batch", md5(CIFAR["test_batch"])]])
    monkeypatch.setattr(cifar, "meta", cifar.meta | {"md5": md5(CIFAR["batches.meta"])})
    archives = {"img_align_celeba.zip": celeba_zip()}
    listed = [(f"id of {name}", md5((CELEBA | archives)[name]), name) for _, _, name in datasets.CelebA.file_list]
    monkeypatch.setattr(datasets.CelebA, "file_list", listed)


def tar(files: dict[str, bytes], top: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, contents in files.items():
            member = tarfile.TarInfo(f"{top}{name}")
            member.size = len(contents)
            archive.addfile(member, io.BytesIO(contents))
    return stream.getvalue()


def celeba_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, contents in CELEBA.items():
            if name.startswith("img_align_celeba/"):
                archive.writestr(zipfile.ZipInfo(name), contents)
    return stream.getvalue()


@pytest.fixture
def serve(monkeypatch):
    """Serve archives in place of the network and of Google Drive, under the libraries' own checksums for them."""
    from sklearn.datasets import _lfw
    from torchvision import datasets

    trust_torchvision(monkeypatch)

    def start(altered: dict[str, bytes] | None = None) -> list[str]:
        archives = {"cifar-10-python.tar.gz": tar(CIFAR, "cifar-10-batches-py/"), "lfw-funneled.tgz": tar(LFW, "")}
        archives |= {name: f"list {name}".encode() for name in ("pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt")}
        archives |= {name: contents for name, contents in CELEBA.items() if "/" not in name}
        archives["img_align_celeba.zip"] = celeba_zip()
        monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archives["cifar-10-python.tar.gz"]))

        def listed(remote):
            digest = hashlib.sha256(archives[remote.filename]).hexdigest()
            return remote._replace(checksum=digest, url=f"https://example.org/{remote.filename}")

        monkeypatch.setattr(_lfw, "FUNNELED_ARCHIVE", listed(_lfw.FUNNELED_ARCHIVE))
        monkeypatch.setattr(_lfw, "TARGETS", tuple(listed(target) for target in _lfw.TARGETS))
        served = archives | (altered or {})
        asked: list[str] = []

        class Response(io.BytesIO):
            def __init__(self, url: str) -> None:
                super().__init__(served[url.rsplit("/", 1)[1]])
                self.url, self.length = url, len(self.getvalue())

            def info(self):
                return {}

        def urlopen(request, *arguments, **options):
            url = request if isinstance(request, str) else request.full_url
            asked.append(url)
            return Response(url)

        def drive(id: str, output: str, **options) -> None:
            asked.append(id)
            Path(output).write_bytes(served[id.removeprefix("id of ")])

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        gdown = types.ModuleType("gdown")
        gdown.__spec__ = importlib.machinery.ModuleSpec("gdown", None)
        gdown.download = drive
        monkeypatch.setitem(sys.modules, "gdown", gdown)
        return asked

    return start


@pytest.mark.parametrize("which", LOADERS)
def test_a_download_is_cached_whole_and_asked_for_once(serve, tmp_path, which):
    asked = serve()
    ASSERTIONS[which](LOADERS[which]())
    found = [name for name in files_below(tmp_path / "cache") if not name.startswith("packed/")]
    extra = ["pairs.txt", "pairsDevTest.txt", "pairsDevTrain.txt"] if which == "lfw" else []
    assert found == sorted(f"{FOLDERS[which]}/{name}" for name in [*FILES[which], *extra])
    count = len(asked)
    assert count > 0
    ASSERTIONS[which](LOADERS[which]())
    assert len(asked) == count and files_below(tmp_path / "placed") == []


@pytest.mark.parametrize("which", LOADERS)
def test_the_library_that_downloads_reads_the_cache_too(serve, tmp_path, which):
    from sklearn.datasets import fetch_lfw_people
    from torchvision import datasets

    serve()
    LOADERS[which]()
    cache = tmp_path / "cache"
    if which == "lfw":
        assert fetch_lfw_people(data_home=cache, download_if_missing=False).images.shape[0] == 13
    else:
        assert (
            len({"cifar10": datasets.CIFAR10, "celeba": datasets.CelebA}[which](cache))
            == {"cifar10": 10, "celeba": 4}[which]
        )


@pytest.mark.parametrize("which", LOADERS)
def test_no_network(monkeypatch, tmp_path, which):
    gdown = types.ModuleType("gdown")
    gdown.__spec__ = importlib.machinery.ModuleSpec("gdown", None)
    gdown.download = lambda **options: urllib.request.urlopen("https://drive.google.com")
    monkeypatch.setitem(sys.modules, "gdown", gdown)
    with pytest.raises(data.DataError) as caught:
        LOADERS[which]()
    assert_complete(
        caught.value, "download failed", "Network is unreachable", str(tmp_path / "placed"), "set COURSEKIT_DATA=FOLDER"
    )
    assert files_below(tmp_path / "cache") == []


@pytest.mark.parametrize(
    "which, archive",
    [("cifar10", "cifar-10-python.tar.gz"), ("celeba", "img_align_celeba.zip"), ("lfw", "lfw-funneled.tgz")],
)
@pytest.mark.parametrize("contents", [b"<html>Please log in</html>", None], ids=["a log-in page", "cut short"])
def test_a_download_with_the_wrong_checksum(serve, tmp_path, which, archive, contents):
    whole = {"cifar10": tar(CIFAR, ""), "celeba": celeba_zip(), "lfw": tar(LFW, "")}[which]
    serve({archive: whole[:300] if contents is None else contents})
    with pytest.raises(data.DataError) as caught:
        LOADERS[which]()
    assert_complete(caught.value, "wrong checksum", "try again later")
    assert files_below(tmp_path / "cache") == []


def test_an_archive_that_torchvision_accepts_is_still_checked(serve, monkeypatch, tmp_path):
    from torchvision import datasets

    other = tar(CIFAR | {"data_batch_1": CIFAR["data_batch_2"]}, "cifar-10-batches-py/")
    serve({"cifar-10-python.tar.gz": other})
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(other))
    with pytest.raises(data.DataError, match="wrong checksum: MD5"):
        data.cifar10()
    assert files_below(tmp_path / "cache") == []


@pytest.mark.parametrize("which", LOADERS)
def test_an_interrupted_download_leaves_nothing(serve, monkeypatch, tmp_path, which):
    serve()

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(urllib.request, "urlopen", interrupted)
    sys.modules["gdown"].download = interrupted
    with pytest.raises(KeyboardInterrupt):
        LOADERS[which]()
    assert files_below(tmp_path / "cache") == []


def test_celeba_without_gdown(monkeypatch, tmp_path):
    real = photographs.find_spec
    monkeypatch.setattr(photographs, "find_spec", lambda name: None if name == "gdown" else real(name))
    with pytest.raises(data.DataError) as caught:
        data.celeba()
    assert_complete(caught.value, "needs the package gdown", "pip install gdown", "FOLDER/celeba")
    assert files_below(tmp_path / "cache") == []


def test_lfw_without_scikit_learn(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(data.DataError) as caught:
        data.lfw()
    assert_complete(caught.value, "needs the package scikit-learn", "pip install scikit-learn", "FOLDER/lfw_home")
    assert files_below(tmp_path / "cache") == []
    place(tmp_path / "placed", "lfw")
    assert_lfw(data.lfw(16))  # a copy is read without it


def test_the_checksums_are_those_that_torchvision_states():
    """The sources as they are in the package, not the small ones of these tests."""
    from torchvision import datasets

    original = {source.name: source for source in _original_sources()}
    cifar = datasets.CIFAR10
    stated = dict(map(tuple, [*cifar.train_list, *cifar.test_list])) | {cifar.meta["filename"]: cifar.meta["md5"]}
    assert {name: checksum for name, (_, checksum) in original["CIFAR-10"].files.items()} == stated
    stated = {name: checksum for _, checksum, name in datasets.CelebA.file_list}
    for name, (_, checksum) in original["CelebA"].files.items():
        assert checksum == stated[name]


def _original_sources() -> list[download.Source]:
    """The sources of a fresh copy of the module."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("fresh_photographs", photographs.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [module.CIFAR10, module.CELEBA]

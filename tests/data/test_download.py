"""Full data sets: pre-placed copies, the cache, the download, and one clear error for each way to fail.

No test touches the network: ``urlopen`` is replaced in every one of them.
"""

import errno
import gzip
import hashlib
import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy
import pytest
import torch

from coursekit import data
from coursekit.data import digits, download
from coursekit.data.idx import read_idx

REPOSITORY = Path(__file__).resolve().parents[2]


def idx(array: numpy.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(numpy.uint8).tobytes()


def small_files() -> dict[str, bytes]:
    """A data set in MNIST's format: five training and three test images."""
    random = numpy.random.Generator(numpy.random.PCG64(0))
    return {
        "train-images-idx3-ubyte": idx(random.integers(0, 256, (5, 28, 28))),
        "train-labels-idx1-ubyte": idx(numpy.arange(5)),
        "t10k-images-idx3-ubyte": idx(random.integers(0, 256, (3, 28, 28))),
        "t10k-labels-idx1-ubyte": idx(numpy.arange(3)),
    }


FILES = small_files()
IMAGES = "train-images-idx3-ubyte"


@pytest.fixture(autouse=True)
def small_mnist(monkeypatch, tmp_path):
    """``mnist("full")`` means the small data set; nothing is placed, nothing cached, and there is no network."""
    files = {name: (len(contents), hashlib.sha256(contents).hexdigest()) for name, contents in FILES.items()}
    monkeypatch.setattr(digits, "MNIST", download.Source("MNIST", "MNIST", files))
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSEKIT_DATA", raising=False)

    def no_network(request, *arguments, **options):
        raise urllib.error.URLError(OSError(errno.ENETUNREACH, "Network is unreachable"))

    monkeypatch.setattr(urllib.request, "urlopen", no_network)


@pytest.fixture
def serve(monkeypatch):
    """Serve archives in place of the network, under torchvision's own names and checksums for them."""
    from torchvision import datasets

    def start(altered: dict[str, bytes] | None = None) -> list[str]:
        archives = {f"{name}.gz": gzip.compress(contents, mtime=0) for name, contents in FILES.items()}
        resources = [(name, hashlib.md5(archive).hexdigest()) for name, archive in archives.items()]
        monkeypatch.setattr(datasets.MNIST, "resources", resources)
        served = {**archives, **(altered or {})}
        asked: list[str] = []

        class Response(io.BytesIO):
            def __init__(self, url: str) -> None:
                super().__init__(served[url.rsplit("/", 1)[1]])
                self.url, self.length = url, len(self.getvalue())

        def urlopen(request, *arguments, **options):
            asked.append(request.full_url)
            return Response(request.full_url)

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return asked

    return start


def place(folder: Path, compressed: bool = False) -> Path:
    """The small data set in torchvision's layout below ``folder``; returns the folder of the files."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, contents in FILES.items():
        if compressed:
            (raw / f"{name}.gz").write_bytes(gzip.compress(contents))
        else:
            (raw / name).write_bytes(contents)
    return raw


def files_below(folder: Path) -> list[str]:
    """Every file, and every temporary folder, below ``folder``."""
    found = folder.rglob("*")
    return sorted(str(path.relative_to(folder)) for path in found if path.is_file() or path.name.startswith("."))


def assert_right(loaded: data.Digits) -> None:
    expected = read_idx(FILES[IMAGES])
    assert numpy.array_equal((loaded.train.images[:, 0] * 255).round().numpy().astype(numpy.uint8), expected)
    assert loaded.train.labels.tolist() == [0, 1, 2, 3, 4] and loaded.test.labels.tolist() == [0, 1, 2]


def assert_complete(error: data.DataError, *words: str) -> None:
    """The message says what failed, what to do, and what the bundled data would give."""
    message = str(error)
    assert "What to do: " in message and "The bundled data: " in message and "6,000" in message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
def test_preplaced_copies_are_read_first_and_left_as_they_are(monkeypatch, tmp_path, compressed):
    raw = place(tmp_path / "placed", compressed)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    assert_right(data.mnist("full"))
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before
    assert not (tmp_path / "cache").exists()


def test_preplaced_copies_need_no_torchvision(tmp_path):
    raw = place(tmp_path / "placed")
    code = (
        "import sys; from pathlib import Path; from coursekit.data import download; import hashlib\n"
        f"raw = Path({str(raw)!r})\n"
        "files = {n: (len((raw / n).read_bytes()), hashlib.sha256((raw / n).read_bytes()).hexdigest())"
        " for n in download.MNIST.files}\n"
        "download.read_full(download.Source('MNIST', 'MNIST', files)); print('torchvision' in sys.modules)"
    )
    environment = {**os.environ, "COURSEKIT_DATA": str(tmp_path / "placed")}
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, env=environment
    )
    assert finished.stdout.strip() == "False", finished.stderr


def test_a_download_is_cached_whole_and_asked_for_once(serve, tmp_path):
    asked = serve()
    assert_right(data.mnist("full"))
    assert files_below(tmp_path / "cache") == sorted(f"MNIST/raw/{name}" for name in FILES)
    count = len(asked)
    assert count > 0
    assert_right(data.mnist("full"))
    assert len(asked) == count


def test_torchvision_reads_the_cache_too(serve, tmp_path):
    from torchvision import datasets

    serve()
    data.mnist("full")
    assert len(datasets.MNIST(tmp_path / "cache", train=False, download=False)) == 3


def test_a_folder_without_the_data_set_is_passed_over(serve, monkeypatch, tmp_path):
    (tmp_path / "placed").mkdir()
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    serve()
    assert_right(data.mnist("full"))
    assert files_below(tmp_path / "placed") == []


def test_no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    assert_complete(
        caught.value, "download failed", "Network is unreachable", str(tmp_path / "placed"), "COURSEKIT_DATA"
    )
    assert files_below(tmp_path / "cache") == []


def test_a_network_that_never_answers_is_given_up(monkeypatch):
    seen = []

    def urlopen(request, *arguments, **options):
        seen.append(socket.getdefaulttimeout())
        raise urllib.error.URLError(TimeoutError("timed out"))

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    before = socket.getdefaulttimeout()
    with pytest.raises(data.DataError, match="timed out"):
        data.mnist("full")
    assert set(seen) == {download.DOWNLOAD_TIMEOUT} and socket.getdefaulttimeout() == before


@pytest.mark.parametrize(
    "archive",
    [gzip.compress(FILES[IMAGES], mtime=0)[:200], b"<html>Please log in</html>", gzip.compress(b"other", mtime=0)],
    ids=["cut short", "a log-in page", "another file"],
)
def test_a_download_with_the_wrong_checksum(serve, tmp_path, archive):
    serve({f"{IMAGES}.gz": archive})
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    assert_complete(caught.value, "wrong checksum", IMAGES)
    assert files_below(tmp_path / "cache") == []


def test_a_download_that_torchvision_accepts_is_still_checked(serve, tmp_path, monkeypatch):
    from torchvision import datasets

    other = gzip.compress(idx(numpy.zeros((5, 28, 28))), mtime=0)
    serve({f"{IMAGES}.gz": other})
    resources = [
        (name, hashlib.md5(other).hexdigest() if name == f"{IMAGES}.gz" else md5)
        for name, md5 in datasets.MNIST.resources
    ]
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    with pytest.raises(data.DataError, match="wrong checksum"):
        data.mnist("full")
    assert files_below(tmp_path / "cache") == []


def test_an_interrupted_download_leaves_nothing(serve, tmp_path, monkeypatch):
    serve()
    answer = urllib.request.urlopen

    def urlopen(request, *arguments, **options):
        if "t10k" in request.full_url:
            raise KeyboardInterrupt
        return answer(request)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(KeyboardInterrupt):
        data.mnist("full")
    assert files_below(tmp_path / "cache") == []


@pytest.mark.parametrize("where", ["placed", "cache"])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
def test_a_truncated_file(serve, monkeypatch, tmp_path, where, compressed):
    raw = place(tmp_path / where, compressed)
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    path = raw / (f"{IMAGES}.gz" if compressed else IMAGES)
    path.write_bytes(path.read_bytes()[:-20])
    asked = serve()
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    assert_complete(
        caught.value, "truncated", str(path), {"placed": "copy the file again", "cache": "delete the folder"}[where]
    )
    assert asked == []  # nothing else is put in its place


@pytest.mark.parametrize("where", ["placed", "cache"])
def test_a_file_with_the_wrong_checksum(serve, monkeypatch, tmp_path, where):
    raw = place(tmp_path / where)
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    contents = bytearray(FILES[IMAGES])
    contents[100] ^= 1
    (raw / IMAGES).write_bytes(contents)
    asked = serve()
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    assert_complete(caught.value, "wrong checksum", str(raw / IMAGES))
    assert asked == []


def test_a_damaged_archive(monkeypatch, tmp_path):
    raw = place(tmp_path / "placed", compressed=True)
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    archive = bytearray((raw / f"{IMAGES}.gz").read_bytes())
    for contents, word in ((b"no archive at all", "cannot be read"), (bytes(archive[:30]) + b"\xff" * 300, "damaged")):
        (raw / f"{IMAGES}.gz").write_bytes(contents)
        with pytest.raises(data.DataError) as caught:
            data.mnist("full")
        assert_complete(caught.value, word, f"{IMAGES}.gz")


def test_an_incomplete_copy(serve, monkeypatch, tmp_path):
    raw = place(tmp_path / "placed")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    (raw / "t10k-labels-idx1-ubyte").unlink()
    asked = serve()
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    assert_complete(caught.value, "incomplete", "t10k-labels-idx1-ubyte")
    assert asked == []


def test_a_cache_that_cannot_be_made(serve, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "file"))
    asked = serve()
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    assert_complete(caught.value, "cannot be written", "COURSEKIT_CACHE")
    assert asked == [] and (tmp_path / "file").read_text() == "in the way"


def test_a_cache_that_fills_up(serve, monkeypatch, tmp_path):
    from torchvision.datasets import utils

    serve()

    def full_disk(url, filename, *arguments, **options):
        Path(filename).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(utils, "_urlretrieve", full_disk)
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    assert_complete(caught.value, "cannot be written", "No space left", "200 MB free")
    assert files_below(tmp_path / "cache") == []


def test_a_cache_that_refuses_the_last_step(serve, monkeypatch, tmp_path):
    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    serve()
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    assert_complete(caught.value, "cannot be written", "Permission denied")
    assert files_below(tmp_path / "cache") == []


def test_another_process_that_finishes_first_is_no_error(serve, monkeypatch, tmp_path):
    def overtaken(source, target):
        shutil.copytree(source, target)
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    serve()
    monkeypatch.setattr(os, "replace", overtaken)
    assert_right(data.mnist("full"))
    assert files_below(tmp_path / "cache") == sorted(f"MNIST/raw/{name}" for name in FILES)


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist])
@pytest.mark.parametrize(
    "arguments, said",
    [({"subset": "ful"}, "'ful'"), ({"binarise": "stochastic"}, "'stochastic'")],
)
def test_an_unknown_name_is_named(load, arguments, said):
    with pytest.raises(data.DataError, match=said) as caught:
        load(**arguments)
    assert "What to do: give" in str(caught.value)


def test_fashion_mnist_is_not_bundled_and_says_so():
    with pytest.raises(data.DataError) as caught:
        data.fashion_mnist("bundled")
    assert_complete(caught.value, "no part of Fashion-MNIST is bundled")


def test_fashion_mnist_has_its_own_folder_and_names(monkeypatch, tmp_path):
    shutil.move(place(tmp_path / "placed").parent, tmp_path / "placed" / "FashionMNIST")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    files = {name: (len(contents), hashlib.sha256(contents).hexdigest()) for name, contents in FILES.items()}
    monkeypatch.setattr(digits, "FASHION_MNIST", download.Source("Fashion-MNIST", "FashionMNIST", files))
    loaded = data.fashion_mnist()
    assert_right(loaded)
    assert loaded.name == "Fashion-MNIST" and loaded.classes[9] == "ankle boot"


@pytest.fixture
def installed(monkeypatch, tmp_path) -> Path:
    """Fashion-MNIST as a package of the operating system: compressed, all in one folder."""
    folder = tmp_path / "usr" / "share"
    folder.mkdir(parents=True)
    for name, contents in FILES.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(contents))
    files = {name: (len(contents), hashlib.sha256(contents).hexdigest()) for name, contents in FILES.items()}
    source = download.Source("Fashion-MNIST", "FashionMNIST", files, system=folder)
    monkeypatch.setattr(digits, "FASHION_MNIST", source)
    return folder


def test_a_package_of_the_operating_system_saves_the_download(installed, serve, tmp_path):
    asked = serve()
    assert_right(data.fashion_mnist())
    assert asked == [] and not (tmp_path / "cache").exists()


def test_a_preplaced_copy_comes_before_the_operating_system(installed, monkeypatch, tmp_path):
    for path in installed.iterdir():
        path.write_bytes(b"damaged")
    shutil.move(place(tmp_path / "placed").parent, tmp_path / "placed" / "FashionMNIST")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "placed"))
    assert_right(data.fashion_mnist())


def test_a_damaged_package_is_named(installed, serve):
    path = installed / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-20])
    asked = serve()
    with pytest.raises(data.DataError) as caught:
        data.fashion_mnist()
    assert_complete(caught.value, "truncated", str(path), "install the package of the operating system")
    assert asked == []


def test_without_the_package_its_folder_is_named_among_those_looked_in(installed):
    for path in installed.iterdir():
        path.unlink()
    with pytest.raises(data.DataError) as caught:
        data.fashion_mnist()
    assert_complete(caught.value, "download failed", str(installed))


def test_debians_fashion_mnist():
    if not download.FASHION_MNIST.system.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    loaded = data.fashion_mnist()
    assert len(loaded.train) == 60000 and loaded.test.labels[:5].tolist() == [9, 2, 1, 1, 6]
    assert torch.bincount(loaded.train.labels).tolist() == [6000] * 10


def test_full_mnist_from_the_original_files(monkeypatch):
    raw = Path(os.environ.get("COURSEKIT_MNIST", REPOSITORY.parent / "shared" / "data" / "MNIST" / "raw"))
    if not raw.is_dir() or raw.parts[-2:] != ("MNIST", "raw"):
        pytest.skip(f"MNIST's original files are not in {raw}: set COURSEKIT_MNIST to a folder .../MNIST/raw")
    monkeypatch.setattr(digits, "MNIST", download.MNIST)
    monkeypatch.setenv("COURSEKIT_DATA", str(raw.parent.parent))
    loaded = data.mnist("full", binarise="dynamic")
    assert len(loaded.train) == 60000 and len(loaded.test) == 10000
    assert loaded.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert loaded.test.images.shape == (10000, 1, 28, 28) and loaded.test.images.dtype == torch.float32


@pytest.mark.parametrize(
    "contents, said",
    [
        (b"", "must start as an idx file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01abcd", "must start as an idx file"),
        (b"\x00\x00\x08\x03\x00\x00", "head of 16 bytes"),
        (idx(numpy.zeros((2, 3)))[:-1], r"18 bytes long for the shape \(2, 3\) and are 17"),
    ],
)
def test_what_is_no_idx_file_is_an_error(contents, said):
    with pytest.raises(ValueError, match=said):
        read_idx(contents)

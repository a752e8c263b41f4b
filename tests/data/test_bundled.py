"""The bundled tenth of MNIST: what it holds, how it is made, and that damage to it is noticed."""

import hashlib
import lzma
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch

from coursekit import data
from coursekit.data import bundle, download

REPOSITORY = Path(__file__).resolve().parents[2]
BUNDLED = REPOSITORY / "coursekit" / "data" / "bundled"
SCRIPT = REPOSITORY / "tools" / "make_bundled_mnist.py"


@pytest.fixture(scope="session")
def original() -> Path:
    """The folder of MNIST's four original files; the tests that need it say so when they skip."""
    folder = Path(os.environ.get("COURSEKIT_MNIST", REPOSITORY.parent / "shared" / "data" / "MNIST" / "raw"))
    if not folder.is_dir():
        pytest.skip(f"MNIST's original files are not in {folder}: set COURSEKIT_MNIST to their folder")
    return folder


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)


def test_it_holds_a_balanced_tenth():
    digits = data.mnist()
    assert digits.train.images.shape == (6000, 1, 28, 28) and digits.test.images.shape == (1000, 1, 28, 28)
    assert digits.train.images.dtype == torch.float32 and digits.train.labels.dtype == torch.int64
    assert digits.train.labels.bincount().tolist() == [600] * 10
    assert digits.test.labels.bincount().tolist() == [100] * 10
    assert digits.train.images.min() == 0 and digits.train.images.max() == 1


def test_grey_values_are_whole_steps_of_one_in_255():
    steps = data.mnist().test.images * 255
    assert torch.allclose(steps, steps.round(), atol=1e-4)
    assert steps.unique().numel() > 200


def test_no_training_image_is_a_test_image():
    digits = data.mnist()
    train = {image.numpy().tobytes() for image in digits.train.images}
    assert not any(image.numpy().tobytes() in train for image in digits.test.images)


def test_it_is_small_enough_for_the_wheel():
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) <= 1_350_000


def test_it_is_remade_from_the_original_files_byte_by_byte(original, tmp_path):
    for name in ("once", "twice"):
        finished = run_script("--source", str(original), "--output", str(tmp_path / name))
        assert finished.returncode == 0, finished.stderr
    once, twice = ((tmp_path / name / bundle.FILE).read_bytes() for name in ("once", "twice"))
    assert once == twice
    # Another version of liblzma may find other bytes for the same images: so compare what is inside.
    assert lzma.decompress(once) == lzma.decompress((BUNDLED / bundle.FILE).read_bytes())
    assert (tmp_path / "once" / bundle.CHECKSUMS).read_text() == f"{hashlib.sha256(once).hexdigest()}  {bundle.FILE}\n"


def test_the_script_leaves_nothing_when_its_source_is_wrong(tmp_path):
    finished = run_script("--source", str(tmp_path), "--output", str(tmp_path / "made"))
    assert finished.returncode != 0 and "is missing" in finished.stderr and "Traceback" not in finished.stderr
    assert not (tmp_path / "made").exists()


def test_bundled_images_come_in_the_original_order_with_their_labels(original):
    full = download.read_files(download.MNIST, original, remedy="")
    images = [image.tobytes() for image in full.train_images]
    place = {image: position for position, image in enumerate(images)}
    bundled = bundle.bundled_mnist()
    places = [place[image.tobytes()] for image in bundled.train_images]
    assert places == sorted(places) and len(set(places)) == 6000
    assert numpy.array_equal(full.train_labels[places], bundled.train_labels)


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda packed: packed[: len(packed) // 2], "damaged"),
        (lambda packed: packed[:1000] + bytes([packed[1000] ^ 1]) + packed[1001:], "damaged"),
        (lambda packed: b"", "damaged"),
        (None, "cannot be read"),
    ],
    ids=["truncated", "one bit flipped", "empty", "missing"],
)
def test_a_damaged_bundle_is_an_error(tmp_path, damage, said):
    (tmp_path / bundle.CHECKSUMS).write_bytes((BUNDLED / bundle.CHECKSUMS).read_bytes())
    if damage is not None:
        (tmp_path / bundle.FILE).write_bytes(damage((BUNDLED / bundle.FILE).read_bytes()))
    with pytest.raises(data.DataError, match=said) as caught:
        bundle.read_bundle(tmp_path)
    assert "install coursekit again" in str(caught.value)


def test_one_call_cannot_change_what_the_next_one_gets():
    first = data.mnist().train
    first.images.zero_()
    first.labels.zero_()
    assert data.mnist().train.images.sum() > 0 and data.mnist().train.labels.sum() > 0


def test_importing_it_loads_neither_torchvision_nor_pyplot():
    code = (
        "import sys, coursekit.data as data; data.mnist(); "
        "print([name for name in ('torchvision', 'matplotlib.pyplot') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert finished.stdout.strip() == "[]", finished.stderr

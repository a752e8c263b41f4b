"""The classifier of clothes that comes with the package. What it knows is tested where Fashion-MNIST can be had."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from coursekit import data
from coursekit.evaluation import DigitClassifier, FashionClassifier, features, fid

REPOSITORY = Path(__file__).resolve().parents[2]
STORED = REPOSITORY / "coursekit" / "evaluation" / "weights" / features.FASHION_WEIGHTS
TOOL = REPOSITORY / "tools" / "make_fashion_classifier.py"


@pytest.fixture(scope="module")
def clothes():
    if not data.download.FASHION_MNIST.system.is_dir() and "COURSEKIT_DATA" not in os.environ:
        pytest.skip("Fashion-MNIST is not here: install dataset-fashion-mnist or set COURSEKIT_DATA")
    return data.fashion_mnist()


@pytest.fixture(scope="module")
def classifier():
    return FashionClassifier.load()


def run_tool(output, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    command = [sys.executable, str(TOOL), "--output", str(output), *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr
    return output / features.FASHION_WEIGHTS


def test_it_is_small_has_its_own_weights_and_its_own_name(classifier):
    assert STORED.stat().st_size < 150_000
    assert all(weights.dtype == torch.float16 for weights in load_file(STORED).values())
    digits = DigitClassifier.load()
    assert classifier.name != digits.name and not torch.equal(classifier.head.weight, digits.head.weight)
    assert not classifier.training and not any(weights.requires_grad for weights in classifier.parameters())


def test_it_knows_clothes_as_well_as_its_docstring_says(classifier, clothes):
    with torch.no_grad():
        right = (classifier.predict(clothes.test.images) == clothes.test.labels).double().mean().item()
    assert right > 0.87
    assert f"{right:.1%}".replace("%", " %") in FashionClassifier.__doc__


def test_its_distance_notices_a_class_that_is_missing_better_than_the_digits(classifier, clothes):
    """As a multiple of the distance between two sets of real images; on clothes, the digit classifier sees less."""
    chosen = torch.randperm(60000, generator=torch.Generator().manual_seed(0))[:3000]
    images, labels = clothes.train[chosen]
    test = clothes.test.images[:3000]
    seen = {}
    for net in (classifier, DigitClassifier.load()):
        floor = float(fid(test, images, net, split="test"))
        seen[net.name] = float(fid(test, images[labels != 5], net, split="test")) / floor
    assert seen[classifier.name] > 1.5 * seen["digit classifier, 64 features"] > 1.5


def test_the_tool_gives_the_same_bytes_twice(clothes, tmp_path):
    once, twice = (run_tool(tmp_path / name, "--epochs", "1", "--images", "500") for name in ("once", "twice"))
    assert once.read_bytes() == twice.read_bytes()

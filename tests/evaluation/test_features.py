"""The classifier that comes with the package, and Inception where it can be had."""

import importlib.util
import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from coursekit import data
from coursekit.evaluation import DigitClassifier, FeaturesError, RawValues, features, inception_features

REPOSITORY = Path(__file__).resolve().parents[2]
STORED = REPOSITORY / "coursekit" / "evaluation" / "weights" / features.WEIGHTS
TOOL = REPOSITORY / "tools" / "make_digit_classifier.py"


@pytest.fixture(scope="module")
def classifier():
    return DigitClassifier.load()


@pytest.fixture(scope="module")
def digits():
    return data.mnist().test


def accuracy(classifier, digits):
    return (classifier.predict(digits.images) == digits.labels).double().mean().item()


def run_tool(output, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    command = [sys.executable, str(TOOL), "--output", str(output), *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr
    return output / features.WEIGHTS


def test_it_reads_the_test_digits_as_well_as_its_docstring_says(classifier, digits):
    found = accuracy(classifier, digits)
    assert found > 0.975
    assert f"{found:.1%}".replace("%", " %") in DigitClassifier.__doc__


def test_its_weights_are_small_and_counted_right(classifier):
    assert STORED.stat().st_size < 150_000
    assert all(weights.dtype == torch.float16 for weights in load_file(STORED).values())
    count = sum(weights.numel() for weights in classifier.parameters())
    assert f"{count:,} weights" in DigitClassifier.__doc__


def test_it_loads_without_a_network(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert isinstance(DigitClassifier.load(), DigitClassifier)


def test_shapes_and_probabilities(classifier, digits):
    x = digits.images[:7]
    assert classifier.features(x).shape == (7, 64) and (classifier.features(x) >= 0).all()
    log_prob = classifier.log_prob(x)
    torch.testing.assert_close(log_prob.exp().sum(dim=1), torch.ones(7))
    assert torch.equal(log_prob.argmax(dim=1), classifier.predict(x))
    assert classifier.features(x[:0]).shape == (0, 64)
    assert not classifier.training and not any(weights.requires_grad for weights in classifier.parameters())


def test_features_do_not_depend_on_the_batch(classifier, digits, monkeypatch):
    whole = classifier.features(digits.images[:100])
    one_by_one = torch.cat([classifier.features(image[None]) for image in digits.images[:100]])
    torch.testing.assert_close(whole, one_by_one, rtol=1e-4, atol=1e-4)
    monkeypatch.setattr(features, "BATCH", 7)
    torch.testing.assert_close(classifier.features(digits.images[:100]), whole, rtol=1e-4, atol=1e-4)


def test_gradients_reach_the_image(classifier, digits):
    x = digits.images[:3].clone().requires_grad_()
    classifier.log_prob(x)[:, 3].sum().backward()
    assert x.grad.abs().amax(dim=(1, 2, 3)).gt(0).all()


def test_a_wrong_range_or_shape_is_named(classifier):
    with pytest.raises(ValueError, match=r"x has values from -1 to 1 and must lie in \[0, 1\]"):
        classifier.features(torch.linspace(-1, 1, 784).view(1, 1, 28, 28))
    with pytest.raises(ValueError, match="from nan to nan"):
        classifier.features(torch.full((1, 1, 28, 28), math.nan))
    with pytest.raises(ValueError, match=r"x has shape \(784,\) and must have shape \(B, 1, 28, 28\)"):
        classifier.features(torch.zeros(784))


def test_raw_values_are_the_examples_flattened():
    x = torch.rand(3, 1, 4, 5)
    assert torch.equal(RawValues().features(x), x.reshape(3, 20))


def test_the_tool_gives_the_same_bytes_twice(tmp_path):
    once, twice = (run_tool(tmp_path / name, "--epochs", "1", "--images", "500") for name in ("once", "twice"))
    assert once.read_bytes() == twice.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_tool_reproduces_the_stored_classifier(tmp_path, classifier, digits):
    """The same bytes on the same machine; elsewhere rounding grows during training, and what it says stays."""
    made = run_tool(tmp_path)
    if made.read_bytes() == STORED.read_bytes():
        return
    other = DigitClassifier()
    other.load_state_dict({name: weights.float() for name, weights in load_file(made).items()})
    with torch.no_grad():
        assert accuracy(other, digits) == pytest.approx(accuracy(classifier, digits), abs=0.005)
        agreement = (other.predict(digits.images) == classifier.predict(digits.images)).double().mean()
    assert agreement > 0.985


def test_without_torch_fidelity_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(FeaturesError, match="torch-fidelity") as caught:
        inception_features()
    assert "What to do: pip install torch-fidelity" in str(caught.value)


@pytest.fixture
def fidelity():
    if importlib.util.find_spec("torch_fidelity") is None:
        pytest.skip("torch-fidelity, an optional package, is not installed")


def test_without_weights_the_error_says_where_to_put_them(fidelity, monkeypatch, tmp_path):
    def refuse(*arguments, **options):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(FeaturesError, match="cannot be downloaded from https.*Network is unreachable") as caught:
        inception_features()
    assert str(tmp_path / "checkpoints" / features.INCEPTION_FILE) in str(caught.value)
    (tmp_path / "broken.pth").write_bytes(b"no weights")
    with pytest.raises(FeaturesError, match="cannot be read from .*broken.pth"):
        inception_features(tmp_path / "broken.pth")


def test_inception_takes_grey_and_colour_images(fidelity, monkeypatch, tmp_path):
    """With random weights: what is shown is the way of the images through it, not what it knows."""
    from torch_fidelity import feature_extractor_inceptionv3 as ported

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        monkeypatch.setattr(ported, "load_state_dict_from_url", lambda *a, **k: {})
        monkeypatch.setattr(ported.FeatureExtractorInceptionV3, "load_state_dict", lambda *a, **k: None)
        blank = ported.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    monkeypatch.undo()
    torch.save(blank.state_dict(), tmp_path / "weights.pth")
    inception = inception_features(tmp_path / "weights.pth")
    grey = torch.rand(2, 1, 28, 28)
    found = inception.features(grey)
    assert found.shape == (2, 2048)
    torch.testing.assert_close(found, inception.features(grey.expand(-1, 3, -1, -1)))
    with pytest.raises(ValueError, match=r"must have shape \(B, 1, H, W\) or \(B, 3, H, W\)"):
        inception.features(torch.zeros(2, 4, 28, 28))

"""What an image is compared by: a small classifier of digits that comes with the package, Inception, or raw values."""

from __future__ import annotations

from importlib import import_module, resources
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

WEIGHTS = "digit_classifier.safetensors"
FASHION_WEIGHTS = "fashion_classifier.safetensors"
BATCH = 500
"""Images that go through a network at once, so that memory is bounded."""


class FeaturesError(Exception):
    """Features cannot be had; the message says what failed and what to do."""

    def __init__(self, failed: str, remedy: str) -> None:
        super().__init__(f"{failed}\nWhat to do: {remedy}.")


class Features(Protocol):
    """Anything that turns examples (B, ...) into vectors (B, F), and has a name to be written beside each number."""

    name: str

    def features(self, x: Tensor) -> Tensor:
        """The feature vectors, shape (B, F)."""
        ...


class RawValues:
    """The examples themselves, flattened: pixels of images, coordinates of points."""

    name = "raw values"

    def features(self, x: Tensor) -> Tensor:
        """(B, ...) to (B, F)."""
        return x.flatten(1)


class DigitClassifier(nn.Module):
    """Convolutional classifier of 28 x 28 digits; its last hidden layer is a space in which to compare images.

    Three convolutions of 3 x 3 pixels, each with ReLU and max-pooling, and two dense layers: 60,874 weights.
    ``load`` gives the one that comes with the package: trained on the 6,000 bundled digits, shifted, turned and
    stretched a little, by ``tools/make_digit_classifier.py``; right on 98.5 % of the 1,000 bundled test digits.
    Gradients flow to the images, and not to the weights of a loaded classifier.

    Source: the form is that of LeCun et al. (1998); features of a classifier for comparing generated images: Heusel et
    al. (2017), there Inception's. Its numbers compare with no published FID.
    """

    name = "digit classifier, 64 features"
    classes = 10
    stored: ClassVar[str] = WEIGHTS

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),  # (B, 16, 28, 28)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 16, 14, 14)
            nn.Conv2d(16, 32, 3, padding=1),  # (B, 32, 14, 14)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 32, 7, 7)
            nn.Conv2d(32, 64, 3, padding=1),  # (B, 64, 7, 7)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 64, 3, 3)
            nn.Flatten(),  # (B, 576)
            nn.Linear(576, 64),  # (B, 64)
            nn.ReLU(),
        )
        self.head = nn.Linear(64, self.classes)  # (B, 10)

    @classmethod
    def load(cls) -> Self:
        """The trained classifier that comes with the package, in evaluation mode, on the CPU; needs no network."""
        from safetensors.torch import load

        kept = load((resources.files("coursekit.evaluation") / "weights" / cls.stored).read_bytes())
        classifier = cls()
        classifier.load_state_dict({name: weights.float() for name, weights in kept.items()})
        return classifier.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Tensor:
        """The logits of the ten classes, shape (B, 10), for images of shape (B, 1, 28, 28) in [0, 1]."""
        return self.head(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """The last hidden layer, none negative, shape (B, 64), for images of shape (B, 1, 28, 28) in [0, 1]."""
        if x.ndim != 4 or x.shape[1:] != (1, 28, 28):
            raise ValueError(f"x has shape {tuple(x.shape)} and must have shape (B, 1, 28, 28)")
        _check_range(x)
        place = self.head.weight
        return torch.cat([self.body(batch.to(place)) for batch in x.split(BATCH)])  # (B, 64)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(class given x) in nats, shape (B, 10)."""
        return self.forward(x).log_softmax(dim=1)

    def predict(self, x: Tensor) -> Tensor:
        """The most likely class, shape (B,), int64."""
        return self.forward(x).argmax(dim=1)


class FashionClassifier(DigitClassifier):
    """The same network for the clothes of Fashion-MNIST, with weights of its own.

    ``load`` gives the one that comes with the package: trained on the 60,000 training images, mirrored and shifted a
    little, by ``tools/make_fashion_classifier.py``; right on 88.1 % of the 10,000 test images.
    """

    name = "classifier of clothes, 64 features"
    stored = FASHION_WEIGHTS


class InceptionFeatures:
    """The 2,048 values of Inception-v3's last pooling, for grey or colour images in [0, 1] of any size.

    Images become bytes, grey ones three equal channels, and are resized to 299 x 299 as TensorFlow 1 does it: another
    resizer gives another FID.

    Source: Heusel et al. (2017); the network: Szegedy et al. (2016), with TensorFlow's weights of 2015, as
    torch-fidelity ports it.
    """

    name = "Inception-v3 of 2015, 2048 features, TensorFlow 1's bilinear resizer to 299 (torch-fidelity)"

    def __init__(self, network: nn.Module, device: torch.device | str) -> None:
        self.network = network.to(device)
        self.device = device

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """(B, 1 or 3, H, W) in [0, 1] to (B, 2048)."""
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise ValueError(f"x has shape {tuple(x.shape)} and must have shape (B, 1, H, W) or (B, 3, H, W)")
        _check_range(x)
        features = []
        for batch in x.split(50):
            colour = batch.to(self.device).expand(-1, 3, -1, -1)  # (B, 3, H, W)
            features.append(self.network((colour * 255).round().clamp(0, 255).to(torch.uint8))[0])  # (B, 2048)
        return torch.cat(features)


INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"  # its beginning


def inception_features(weights: str | Path | None = None, device: torch.device | str = "cpu") -> InceptionFeatures:
    """Inception's features through torch-fidelity, an optional package.

    ``weights``: a copy of torch-fidelity's file of weights, about 90 MB; by default torch's own cache of downloads is
    looked at, and then the network. The file is loaded as plain tensors, never as a pickle that may run code.

    Raises
    ------
    FeaturesError
        If torch-fidelity is not installed, or the weights cannot be downloaded or read.
    """
    try:
        ported = import_module("torch_fidelity.feature_extractor_inceptionv3")
    except ImportError as error:
        raise FeaturesError(
            f"Inception's features need the package torch-fidelity, which cannot be imported: {error}.",
            "pip install torch-fidelity, or compare digits with DigitClassifier.load()",
        ) from error
    path = _inception_weights(ported.URL_INCEPTION_V3) if weights is None else Path(weights)
    remedy = f"give weights= the path of a good copy of {INCEPTION_FILE}"
    if weights is None:
        remedy = f"delete {path} and call again, or {remedy}"
    try:
        torch.load(path, map_location="cpu", weights_only=True)  # refuses what is more than tensors
        network: Any = ported.FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path)
        )
    except Exception as error:  # many kinds, by what is wrong with the file
        raise FeaturesError(f"Inception's weights cannot be read from {path}: {error}.", remedy) from error
    return InceptionFeatures(network, device)


def _inception_weights(address: str) -> Path:
    """The file of weights in torch's cache, downloaded and checked where it is missing."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(address, str(path), hash_prefix=INCEPTION_SHA256, progress=False)
        except Exception as error:  # no network, no space, a proxy's page in place of the file
            raise FeaturesError(
                f"Inception's weights cannot be downloaded from {address}: {error}.",
                f"download the file elsewhere and put it at {path}, or compare digits with DigitClassifier.load()",
            ) from error
    return path


def _check_range(x: Tensor) -> None:
    if len(x) and not (x.min() >= -1e-4 and x.max() <= 1 + 1e-4):  # false for nan
        low, high = x.min().item(), x.max().item()
        raise ValueError(f"x has values from {low:.4g} to {high:.4g} and must lie in [0, 1]")

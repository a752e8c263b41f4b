"""Train the classifier of clothes that comes with the package and store its weights in coursekit/evaluation/weights.

    python tools/make_fashion_classifier.py

It is the digit classifier's network, and sees the 60,000 training images of Fashion-MNIST, each time mirrored or not
and shifted a little, for four epochs; no test image chooses anything. The full set is needed: from COURSEKIT_DATA,
Debian's package dataset-fashion-mnist, the cache or the network. On one thread the same machine and torch give the same
bytes. Takes three CPU minutes or four.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

import torch  # noqa: E402
from safetensors.torch import save  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn.functional import cross_entropy, dropout, pad  # noqa: E402

from coursekit import data, fit  # noqa: E402
from coursekit.evaluation.features import FASHION_WEIGHTS, FashionClassifier  # noqa: E402
from coursekit.training.model import Model  # noqa: E402


def jitter(images: Tensor) -> Tensor:
    """The images, each mirrored or not and all shifted by up to one pixel, from torch's default random numbers."""
    mirrored = torch.where((torch.rand(len(images)) < 0.5)[:, None, None, None], images.flip(3), images)
    down, right = torch.randint(0, 3, (2,)).tolist()
    return pad(mirrored, (1, 1, 1, 1))[:, :, down : down + 28, right : right + 28]  # (B, 1, 28, 28)


class Training(Model):
    """The classifier and how it learns."""

    learning_rate = 2e-3

    def __init__(self) -> None:
        super().__init__()
        self.classifier = FashionClassifier()

    def loss(self, batch: Any) -> Tensor:
        """Cross entropy in nats per image, a quarter of the features left out at random."""
        features = self.classifier.features(jitter(batch.images))  # (B, 64)
        return cross_entropy(self.classifier.head(dropout(features, 0.25)), batch.labels)


def train(examples: data.Examples, epochs: int) -> dict[str, Tensor]:
    """The trained weights as float16; the same for the same arguments, on one thread of one machine."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        training = Training()
    fit(training, examples, epochs=epochs, batch_size=100, ema=0.999, device="cpu")
    return {name: weights.half() for name, weights in training.classifier.state_dict().items()}


def main() -> None:
    """Train, write, say how good it is."""
    parser = argparse.ArgumentParser(description="Train and store the classifier of clothes.")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "coursekit" / "evaluation" / "weights")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=60_000, help="train on the first so many images only")
    arguments = parser.parse_args()
    clothes = data.fashion_mnist()
    weights = train(data.Examples(*clothes.train[: arguments.images]), arguments.epochs)
    stored = save(weights)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / FASHION_WEIGHTS).write_bytes(stored)
    classifier = FashionClassifier()
    classifier.load_state_dict({name: values.float() for name, values in weights.items()})
    with torch.no_grad():
        right = (classifier.eval().predict(clothes.test.images) == clothes.test.labels).double().mean().item()
    print(
        f"{arguments.output / FASHION_WEIGHTS}: {len(stored):,} bytes, right on {right:.1%} of the 10,000 test images"
    )


if __name__ == "__main__":
    main()

"""Train the classifier of digits that comes with the package and store its weights in coursekit/evaluation/weights.

    python tools/make_digit_classifier.py

It sees the 6,000 bundled digits, each time shifted, turned, scaled and slanted a little, for 25 epochs; no test image
chooses anything. On one thread the same machine and torch give the same bytes. Another processor rounds differently;
its weights then differ, its accuracy by a few digits in a thousand. Takes two minutes or three.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

import torch  # noqa: E402
from safetensors.torch import save  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn.functional import affine_grid, cross_entropy, dropout, grid_sample  # noqa: E402

from coursekit import data, fit  # noqa: E402
from coursekit.evaluation.features import WEIGHTS, DigitClassifier  # noqa: E402
from coursekit.training.model import Model  # noqa: E402


def jitter(images: Tensor) -> Tensor:
    """Each image under its own small affine map, shape (B, 1, 28, 28), from torch's default random numbers.

    It is turned by up to 12 degrees, scaled by up to 10 %, slanted a little and shifted by up to two pixels.
    """
    turn, wider, higher, slant, right, down = 2 * torch.rand(6, len(images)) - 1  # (B,) each, in (-1, 1)
    angle = math.radians(12) * turn  # (B,)
    wide, high = 1 + 0.1 * wider, 1 + 0.1 * higher  # (B,), (B,)
    first = torch.stack([angle.cos() * wide, 0.15 * slant - angle.sin() * high, right / 7], dim=1)  # (B, 3)
    second = torch.stack([angle.sin() * wide, angle.cos() * high, down / 7], dim=1)  # (B, 3)
    grid = affine_grid(torch.stack([first, second], dim=1), list(images.shape), align_corners=False)  # (B, 28, 28, 2)
    return grid_sample(images, grid, align_corners=False)


class Training(Model):
    """The classifier and how it learns."""

    learning_rate = 2e-3

    def __init__(self) -> None:
        super().__init__()
        self.classifier = DigitClassifier()

    def loss(self, batch: Any) -> Tensor:
        """Cross entropy in nats per image, a quarter of the features left out at random."""
        features = self.classifier.features(jitter(batch.images).clamp(0, 1))  # (B, 64)
        return cross_entropy(self.classifier.head(dropout(features, 0.25)), batch.labels)


def train(examples: data.Examples, epochs: int) -> dict[str, Tensor]:
    """The trained weights as float16; the same for the same arguments, on one thread of one machine."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        training = Training()
    fit(training, examples, epochs=epochs, batch_size=100, ema=0.998, device="cpu")
    return {name: weights.half() for name, weights in training.classifier.state_dict().items()}


def main() -> None:
    """Train, write, say how good it is."""
    parser = argparse.ArgumentParser(description="Train and store the classifier of digits.")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "coursekit" / "evaluation" / "weights")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--images", type=int, default=6000, help="train on the first so many images only")
    arguments = parser.parse_args()
    digits = data.mnist()
    examples = data.Examples(*digits.train[: arguments.images])
    weights = train(examples, arguments.epochs)
    stored = save(weights)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / WEIGHTS).write_bytes(stored)
    classifier = DigitClassifier()
    classifier.load_state_dict({name: values.float() for name, values in weights.items()})
    with torch.no_grad():
        right = (classifier.eval().predict(digits.test.images) == digits.test.labels).double().mean().item()
    print(f"{arguments.output / WEIGHTS}: {len(stored):,} bytes, right on {right:.1%} of the 1,000 test digits")


if __name__ == "__main__":
    main()

"""Encoders (image to vector) and decoders (vector to image), dense and convolutional.

A decoder's output has no last activation: a likelihood or an autoencoder says what it means.
"""

from __future__ import annotations

from torch import Tensor, nn

ImageShape = tuple[int, int, int]


class DenseEncoder(nn.Sequential):
    """Image to vector through one hidden layer: (B, C, H, W) to (B, out_features)."""

    def __init__(self, out_features: int, hidden: int = 400, image_shape: ImageShape = (1, 28, 28)) -> None:
        channels, height, width = image_shape
        super().__init__(
            nn.Flatten(),  # (B, C * H * W)
            nn.Linear(channels * height * width, hidden),  # (B, hidden)
            nn.ReLU(),
            nn.Linear(hidden, out_features),  # (B, out_features)
        )


class DenseDecoder(nn.Sequential):
    """Vector to image through one hidden layer: (B, in_features) to (B, C, H, W)."""

    def __init__(self, in_features: int, hidden: int = 400, image_shape: ImageShape = (1, 28, 28)) -> None:
        channels, height, width = image_shape
        super().__init__(
            nn.Linear(in_features, hidden),  # (B, hidden)
            nn.ReLU(),
            nn.Linear(hidden, channels * height * width),  # (B, C * H * W)
            nn.Unflatten(1, image_shape),  # (B, C, H, W)
        )


class ConvEncoder(nn.Sequential):
    """Image to vector through two strided convolutions: (B, C, H, W) to (B, out_features)."""

    def __init__(self, out_features: int, width: int = 32, image_shape: ImageShape = (1, 28, 28)) -> None:
        channels, small = _quarter(image_shape)
        super().__init__(
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1),  # (B, width, H/2, W/2)
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),  # (B, 2 width, H/4, W/4)
            nn.ReLU(),
            nn.Flatten(),  # (B, 2 width * H/4 * W/4)
            nn.Linear(2 * width * small[0] * small[1], out_features),  # (B, out_features)
        )


class ConvDecoder(nn.Sequential):
    """Vector to image through two transposed convolutions: (B, in_features) to (B, C, H, W)."""

    def __init__(self, in_features: int, width: int = 32, image_shape: ImageShape = (1, 28, 28)) -> None:
        channels, small = _quarter(image_shape)
        super().__init__(
            nn.Linear(in_features, 2 * width * small[0] * small[1]),  # (B, 2 width * H/4 * W/4)
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, *small)),  # (B, 2 width, H/4, W/4)
            nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1),  # (B, width, H/2, W/2)
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1),  # (B, C, H, W)
        )


class UpsamplingDecoder(nn.Sequential):
    """Vector to image, each enlargement a copy of the pixels followed by a convolution.

    Every output pixel is touched by the same number of kernel positions, which a transposed convolution does not
    guarantee. (B, in_features) to (B, C, H, W).
    """

    def __init__(self, in_features: int, width: int = 32, image_shape: ImageShape = (1, 28, 28)) -> None:
        channels, small = _quarter(image_shape)
        super().__init__(
            nn.Linear(in_features, 2 * width * small[0] * small[1]),  # (B, 2 width * H/4 * W/4)
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, *small)),  # (B, 2 width, H/4, W/4)
            nn.Upsample(scale_factor=2),  # (B, 2 width, H/2, W/2)
            nn.Conv2d(2 * width, width, kernel_size=3, padding=1),  # (B, width, H/2, W/2)
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # (B, width, H, W)
            nn.Conv2d(width, channels, kernel_size=3, padding=1),  # (B, C, H, W)
        )


def _quarter(image_shape: ImageShape) -> tuple[int, tuple[int, int]]:
    channels, height, width = image_shape
    if height % 4 or width % 4:
        raise ValueError(f"image_shape: height and width must be multiples of 4, were {height} and {width}")
    return channels, (height // 4, width // 4)


def flatten_batch(network: nn.Module, z: Tensor) -> Tensor:
    """Apply a network that knows one batch dimension to z of shape (*batch, L)."""
    return network(z.flatten(0, -2)).unflatten(0, z.shape[:-1])  # (*batch, *event)

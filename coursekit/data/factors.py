"""Generated colour images of which every cause is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from coursekit.data.examples import Device, Index

SHAPES = ("disc", "bar", "triangle", "square")
FACTORS = ("shape", "size", "x", "y", "rotation", "hue")
SMALLEST, LARGEST = 0.2, 0.35
NEAR, FAR = 0.34, 0.66  # where centres lie: the largest shape, however turned, stays inside the image
SATURATION = 0.75

# A shape is a disc or what its half-planes have in common: the angles of their normals, and how far from the centre
# they begin. Lengths are for a shape of area one; four normals each, so that all shapes are drawn at once.
_TURN = 2 * math.pi
_IN_RADIUS = 1 / 3**0.75  # of the triangle
_NORMALS = torch.tensor([[0, 1, 2, 3], [0, 1, 2, 3], [2 / 3, 2, 10 / 3, 2], [0, 1, 2, 3]]) * _TURN / 4  # (4, 4)
_OFFSETS = torch.tensor(
    [[0.5, 0.5, 0.5, 0.5], [2**0.5 / 2, 2**-0.5 / 2, 2**0.5 / 2, 2**-0.5 / 2], [_IN_RADIUS] * 4, [0.5] * 4]
)  # (4, 4); the row of the disc is not used
_SYMMETRY = torch.tensor([0.0, _TURN / 2, _TURN / 3, _TURN / 4])  # (4,): a turn by so much changes nothing


class FactorBatch(NamedTuple):
    """Some images and what made them."""

    images: Tensor
    factors: Tensor


@dataclass(frozen=True, eq=False)
class Shapes:
    """Images of single shapes and the factors that made them, all in memory.

    ``images``: shape (N, 3, S, S), float32 in [0, 1]. ``factors``: shape (N, 6), float32, columns ``factor_names``;
    `shapes` says what they mean. `factor` gives one column by its name.
    """

    images: Tensor
    factors: Tensor
    factor_names: ClassVar[tuple[str, ...]] = FACTORS
    classes: ClassVar[tuple[str, ...]] = SHAPES

    def __len__(self) -> int:
        return len(self.factors)

    def __getitem__(self, index: Index) -> FactorBatch:
        """The images and factors at ``index``: shapes (B, 3, S, S) and (B, 6)."""
        return FactorBatch(self.images[index], self.factors[index])

    @property
    def labels(self) -> Tensor:
        """Which of ``classes`` each shape is, shape (N,), int64."""
        return self.factor("shape").long()

    def factor(self, name: str) -> Tensor:
        """One factor of every image, shape (N,)."""
        if name not in FACTORS:
            raise ValueError(f"factor: name must be one of {FACTORS}, was {name!r}")
        return self.factors[:, FACTORS.index(name)]

    def to(self, device: Device) -> Shapes:
        """The same images on ``device``."""
        return Shapes(self.images.to(device), self.factors.to(device))

    def __repr__(self) -> str:
        return f"Shapes({len(self)} images, {self.images.shape[-1]} x {self.images.shape[-1]})"


def shapes(n: int = 10_000, size: int = 32, *, generator: torch.Generator | None = None) -> Shapes:
    """``n`` colour images of one shape each, on black, with known factors; drawn here, no download.

    The factors are uniform, and independent but for the rotation, whose range is that of the shape's symmetry. So no
    two rows of factors give the same image.

    ============  =====================================================================================
    ``shape``     0 disc, 1 bar (twice as long as it is wide), 2 triangle (equilateral), 3 square
    ``size``      root of the shape's area, in widths of the image: 0.2 to 0.35
    ``x``, ``y``  centre of mass, from the left and from the top, in widths of the image: 0.34 to 0.66
    ``rotation``  radians, clockwise: disc 0, bar [0, pi), triangle [0, 2 pi / 3), square [0, pi / 2)
    ``hue``       [0, 1): red 0, green 1/3, blue 2/3; saturation 0.75, value 1
    ============  =====================================================================================

    Two calls with one generator give two independent sets, for training and for testing. ``size``, in pixels, does not
    change what is drawn: the same seed gives the same pictures, finer. Images of 32 pixels take 12 kB each, of 64
    pixels 48 kB.

    Source: the idea of dSprites (Matthey, Higgins, Hassabis and Lerchner, 2017), in colour and with other shapes.

    Raises
    ------
    ValueError
        If ``n`` is below one.
    """
    if n < 1:
        raise ValueError(f"shapes: n must be at least 1, was {n}")
    uniform = torch.rand(n, len(FACTORS), generator=generator)  # (N, 6)
    shape = (uniform[:, 0] * len(SHAPES)).floor()  # (N,)
    factors = torch.stack(
        [
            shape,
            SMALLEST + (LARGEST - SMALLEST) * uniform[:, 1],
            NEAR + (FAR - NEAR) * uniform[:, 2],
            NEAR + (FAR - NEAR) * uniform[:, 3],
            _SYMMETRY[shape.long()] * uniform[:, 4],
            uniform[:, 5],
        ],
        dim=1,
    )  # (N, 6)
    return Shapes(draw_shapes(factors, size), factors)


def draw_shapes(factors: Tensor, size: int = 32) -> Tensor:
    """The images that ``factors``, shape (N, 6), stand for: (N, 3, ``size``, ``size``), float32 in [0, 1].

    The columns are those of `shapes`, and any value may be asked for: to change one factor and keep the others, say.
    The brightest channel of a pixel is how much of the pixel the shape covers.

    Raises
    ------
    ValueError
        If ``factors`` has another shape, names a shape that there is not, or ``size`` is below 8.
    """
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS):
        raise ValueError(f"draw_shapes: factors must have shape (N, {len(FACTORS)}), had {tuple(factors.shape)}")
    if size < 8:
        raise ValueError(f"draw_shapes: size must be at least 8 pixels, was {size}")
    shape = factors[:, 0]  # (N,)
    if not ((shape >= 0) & (shape < len(SHAPES)) & (shape == shape.floor())).all():
        raise ValueError(f"draw_shapes: the first column of factors must be 0 to {len(SHAPES) - 1}, whole numbers")
    images = torch.empty(len(factors), 3, size, size, device=factors.device)  # (N, 3, S, S)
    for rows in torch.arange(len(factors)).split(500):  # bounds the memory
        chunk = factors[rows[0] : rows[-1] + 1].float()  # (C, 6)
        fine = (0.5 - 2 * size * _signed_distance(chunk, 2 * size)).clamp(0, 1)  # (C, 2 S, 2 S): half at the edge
        coverage = avg_pool2d(fine, 2)  # (C, S, S): four points a pixel, since a ramp alone is too much at a corner
        images[rows[0] : rows[-1] + 1] = _colour(chunk[:, 5])[:, :, None, None] * coverage.unsqueeze(1)
    return images


def _signed_distance(factors: Tensor, size: int) -> Tensor:
    """Distance of each pixel's centre from the shape's edge, negative inside, in widths, shape (N, S, S)."""
    shape, root_area, x, y, rotation = factors[:, 0].long().cpu(), *factors[:, 1:5].T  # (N,) each
    pixels = (torch.arange(size, device=factors.device) + 0.5) / size  # (S,)
    right, down = pixels - x[:, None], pixels - y[:, None]  # (N, S), (N, S)
    angle = _NORMALS[shape].to(factors.device) + rotation[:, None]  # (N, 4)
    offset = _OFFSETS[shape].to(factors.device) * root_area[:, None]  # (N, 4)
    across = angle.cos()[:, :, None, None] * right[:, None, None, :]  # (N, 4, 1, S)
    along = angle.sin()[:, :, None, None] * down[:, None, :, None] - offset[:, :, None, None]  # (N, 4, S, 1)
    polygon = (across + along).amax(dim=1)  # (N, S, S)
    disc = torch.hypot(right[:, None, :], down[:, :, None]) - root_area[:, None, None] / math.pi**0.5  # (N, S, S)
    return torch.where((factors[:, 0] == 0)[:, None, None], disc, polygon)


def _colour(hue: Tensor) -> Tensor:
    """Red, green and blue of the hues (N,), shape (N, 3)."""
    sixth = (torch.tensor([5.0, 3.0, 1.0], device=hue.device) + 6 * hue[:, None]) % 6  # (N, 3)
    return 1 - SATURATION * torch.minimum(sixth, 4 - sixth).clamp(0, 1)  # (N, 3)

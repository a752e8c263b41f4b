"""DCGAN's generator and discriminator. Each of its five rules can be taken away, to see what it is worth."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Rules:
    """The five rules of DCGAN; False takes one away.

    Source: Radford, Metz and Chintala (2016), section 3.
    """

    strided: bool = True
    """Strided and transposed convolutions. Without: max pooling, and copied pixels before a convolution."""
    batch_norm: bool = True
    """Batch normalisation in both networks, not at the generator's output nor at the discriminator's input."""
    no_dense: bool = True
    """No fully connected hidden layer. Without: one of 256 units at the bottom of each network."""
    relu_and_tanh: bool = True
    """ReLU in the generator, tanh at its output. Without: sigmoids in both places."""
    leaky: bool = True
    """LeakyReLU with slope 0.2 in the discriminator. Without: ReLU."""


DENSE = 256


def plan(size: int) -> tuple[int, int]:
    """The size of the smallest feature map and how often it is doubled."""
    smallest = {28: (7, 2), 32: (4, 3), 64: (4, 4), 128: (4, 5)}
    if size not in smallest:
        raise ValueError(f"size must be one of {sorted(smallest)}, was {size}")
    return smallest[size]


class DCGANGenerator(nn.Sequential):
    """Noise to an image in [0, 1]: (B, latent_size) to (B, channels, size, size).

    A dense map to the smallest feature map (the paper's "project and reshape"), then one transposed convolution for
    each doubling, with half the channels each time; the last hidden layer has ``width``. The tanh is scaled from
    [-1, 1] to [0, 1], since that is where our images are.

    Raises
    ------
    ValueError
        If ``size`` is not 28, 32, 64 or 128.
    """

    def __init__(
        self, size: int, channels: int = 1, latent_size: int = 64, width: int = 64, rules: Rules | None = None
    ) -> None:
        rules = Rules() if rules is None else rules
        small, doublings = plan(size)
        widths = [width * 2**i for i in reversed(range(doublings))]  # hidden layers, the smallest map first
        layers: list[nn.Module] = []
        features = latent_size
        if not rules.no_dense:
            layers += [nn.Linear(features, DENSE), _activation(rules)]  # (B, DENSE)
            features = DENSE
        layers += [nn.Linear(features, widths[0] * small * small), nn.Unflatten(1, (widths[0], small, small))]
        for inside, outside in zip(widths, [*widths[1:], channels], strict=True):
            layers += [nn.BatchNorm2d(inside)] if rules.batch_norm else []
            layers += [_activation(rules)]
            if rules.strided:
                layers += [
                    nn.ConvTranspose2d(inside, outside, kernel_size=4, stride=2, padding=1)
                ]  # (B, outside, 2H, 2W)
            else:
                layers += [nn.Upsample(scale_factor=2), nn.Conv2d(inside, outside, 3, padding=1)]
        super().__init__(*layers, _Tanh01() if rules.relu_and_tanh else nn.Sigmoid())
        self.apply(initialise)


class DCGANDiscriminator(nn.Module):
    """An image in [0, 1] to one logit: (B, channels, size, size) to (B,).

    The mirror image of the generator: one strided convolution for each halving. `features` are what lies below the last
    layer, for use elsewhere.

    Raises
    ------
    ValueError
        If ``size`` is not 28, 32, 64 or 128.
    """

    def __init__(self, size: int, channels: int = 1, width: int = 64, rules: Rules | None = None) -> None:
        super().__init__()
        rules = Rules() if rules is None else rules
        small, doublings = plan(size)
        widths = [width * 2**i for i in range(doublings)]
        layers: list[nn.Module] = []
        for i, (inside, outside) in enumerate(zip([channels, *widths], widths, strict=False)):
            if rules.strided:
                layers += [nn.Conv2d(inside, outside, 4, stride=2, padding=1)]  # (B, outside, H/2, W/2)
            else:
                layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.MaxPool2d(2)]
            layers += [nn.BatchNorm2d(outside)] if rules.batch_norm and i > 0 else []
            layers += [nn.LeakyReLU(0.2) if rules.leaky else nn.ReLU()]
        layers += [nn.Flatten()]  # (B, widths[-1] * small * small)
        features = widths[-1] * small * small
        if not rules.no_dense:
            layers += [nn.Linear(features, DENSE), nn.LeakyReLU(0.2) if rules.leaky else nn.ReLU()]  # (B, DENSE)
            features = DENSE
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(features, 1)
        self.apply(initialise)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees, shape (B, F)."""
        return self.body(2 * x - 1)  # (B, F)

    def forward(self, x: Tensor) -> Tensor:
        """The logits, shape (B,)."""
        return self.head(self.features(x)).squeeze(1)  # (B,)


class _Tanh01(nn.Module):
    """tanh, from [-1, 1] to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.tanh() + 1) / 2


def _activation(rules: Rules) -> nn.Module:
    return nn.ReLU() if rules.relu_and_tanh else nn.Sigmoid()


def initialise(module: nn.Module) -> None:
    """The paper's start: weights from N(0, 0.02^2), gains of the normalisation from N(1, 0.02^2), no bias."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)

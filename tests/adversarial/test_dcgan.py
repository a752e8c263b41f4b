"""Shapes for every size, and each rule as a difference that can be seen in the modules."""

import dataclasses

import pytest
import torch
from torch import nn

import coursekit as ck
from coursekit.adversarial import GAN, DCGANDiscriminator, DCGANGenerator, Rules

RULES = [field.name for field in dataclasses.fields(Rules)]


def kinds(*networks):
    return {type(module) for network in networks for module in network.modules()}


@pytest.mark.parametrize("size", [28, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_range(size, channels):
    torch.manual_seed(0)
    generator = DCGANGenerator(size, channels, latent_size=5, width=4)
    images = generator(torch.randn(2, 5))
    assert images.shape == (2, channels, size, size)
    assert 0 <= images.min() and images.max() <= 1
    discriminator = DCGANDiscriminator(size, channels, width=4)
    assert discriminator(images).shape == (2,)
    assert discriminator.features(images).shape[0] == 2


@pytest.mark.parametrize("rule", RULES)
def test_shapes_without_each_rule(rule):
    rules = Rules(**{rule: False})
    generator, discriminator = DCGANGenerator(32, 3, 8, 4, rules), DCGANDiscriminator(32, 3, 4, rules)
    images = generator(torch.randn(2, 8))
    assert images.shape == (2, 3, 32, 32)
    assert discriminator(images).shape == (2,)


def test_the_five_rules_hold_in_the_modules():
    generator, discriminator = DCGANGenerator(64, 3), DCGANDiscriminator(64, 3)
    both = kinds(generator, discriminator)
    assert not {nn.MaxPool2d, nn.Upsample, nn.Sigmoid} & both
    assert {nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU} <= kinds(generator)
    assert {nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU} <= kinds(discriminator)
    assert nn.ReLU not in kinds(discriminator) and nn.LeakyReLU not in kinds(generator)
    assert sum(isinstance(m, nn.Linear) for n in (generator, discriminator) for m in n.modules()) == 2
    first = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)][:2]
    assert all(isinstance(m, nn.Conv2d) for m in first)  # no normalisation at the discriminator's input
    assert not isinstance(list(generator)[-2], nn.BatchNorm2d)  # nor at the generator's output


def test_each_rule_taken_away_changes_what_it_names():
    def without(rule):
        rules = Rules(**{rule: False})
        return kinds(DCGANGenerator(32, 1, rules=rules)), kinds(DCGANDiscriminator(32, 1, rules=rules))

    generator, discriminator = without("strided")
    assert nn.ConvTranspose2d not in generator and nn.Upsample in generator and nn.MaxPool2d in discriminator
    generator, discriminator = without("batch_norm")
    assert nn.BatchNorm2d not in generator | discriminator
    generator, _ = without("relu_and_tanh")
    assert nn.ReLU not in generator and nn.Sigmoid in generator
    _, discriminator = without("leaky")
    assert nn.LeakyReLU not in discriminator and nn.ReLU in discriminator
    rules = Rules(no_dense=False)
    dense = [m for m in DCGANGenerator(32, 1, rules=rules).modules() if isinstance(m, nn.Linear)]
    assert len(dense) == 2


def test_weights_start_as_in_the_paper():
    torch.manual_seed(0)
    network = DCGANDiscriminator(32, 3, width=64)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert module.bias.abs().max() == 0


def test_unknown_size():
    with pytest.raises(ValueError, match=r"size must be one of \[28, 32, 64, 128\], was 30"):
        DCGANGenerator(30)


def test_one_epoch_of_training():
    torch.manual_seed(0)
    model = GAN(DCGANGenerator(28, 1, 8, 4), DCGANDiscriminator(28, 1, 4), 8)
    before = model.sample(1, generator=torch.Generator().manual_seed(0))
    history = ck.fit(model, torch.rand(32, 1, 28, 28), epochs=1, batch_size=16, progress=False)
    assert set(history) == {"discriminator", "generator"}
    assert not torch.equal(before, model.sample(1, generator=torch.Generator().manual_seed(0)))

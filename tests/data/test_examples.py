"""Batches in memory, and the static and the dynamic way to make images binary."""

import hashlib

import numpy
import pytest
import torch

from coursekit import data
from coursekit.data.examples import grey_images, static_draw

STATIC_DRAW = "6b7f66e994cf443191524b1eac3e28c2c62bb237778de57cac3b92ec3d7176a9"


def test_a_batch_holds_the_asked_for_images_and_labels():
    train = data.mnist().train
    index = torch.tensor([5, 0, 5])
    images, labels = train[index]
    assert torch.equal(images, train.images[index]) and torch.equal(labels, train.labels[index])
    assert len(train) == 6000


def test_everything_moves_to_the_device_asked_for():
    digits = data.mnist(binarise="dynamic").to("meta")
    batch = digits.train[torch.tensor([0, 1], device="meta")]
    assert batch.images.device.type == batch.labels.device.type == "meta"
    assert digits.test.images.device.type == "meta"
    assert batch.images.shape == (2, 1, 28, 28)


def test_static_images_are_zero_or_one_and_the_same_each_time():
    one, other = data.mnist(binarise="static"), data.mnist(binarise="static")
    assert set(one.train.images.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(one.train.images, other.train.images)


def test_the_static_draw_is_the_same_on_every_machine():
    pixels = (numpy.arange(2500 * 4) % 256).astype(numpy.uint8).reshape(2500, 2, 2)  # more than one chunk of images
    draw = static_draw(pixels, stream=0).to(torch.uint8).numpy()
    assert hashlib.sha256(draw.tobytes()).hexdigest() == STATIC_DRAW


def test_the_static_draw_has_the_grey_value_as_its_probability():
    values = numpy.repeat(numpy.arange(256, dtype=numpy.uint8), 4000).reshape(-1, 1, 1)
    frequency = static_draw(values, stream=0).reshape(256, 4000).double().mean(dim=1)  # (256,)
    probability = torch.arange(256).double() / 255
    assert frequency[0] == 0 and frequency[255] == 1
    z = (frequency - probability)[1:255] / (probability * (1 - probability) / 4000).sqrt()[1:255]
    assert z.abs().max() < 4.5 and abs(z.mean()) < 4 / 254**0.5 and 0.75 < z.square().mean() < 1.25


def test_training_and_test_draws_share_no_random_numbers():
    pixels = numpy.full((100, 28, 28), 128, dtype=numpy.uint8)
    agreement = (static_draw(pixels, stream=0) == static_draw(pixels, stream=1)).double().mean().item()
    assert agreement == pytest.approx(0.5, abs=0.01)


def test_the_dynamic_test_split_is_the_static_draw():
    dynamic, static = data.mnist(binarise="dynamic"), data.mnist(binarise="static")
    assert torch.equal(dynamic.test.images, static.test.images)


def test_dynamic_images_are_drawn_anew_at_each_visit():
    images = data.mnist(binarise="dynamic").train.images
    assert isinstance(images, data.DynamicBinarisation) and len(images) == 6000
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = images[torch.arange(100)], images[torch.arange(100)]
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)


def test_dynamic_draws_have_the_grey_value_as_their_probability():
    grey = data.mnist().train.images[:1]
    images = data.DynamicBinarisation(grey.expand(4000, 1, 28, 28))
    frequency = images.draw(slice(None), generator=torch.Generator().manual_seed(0)).double().mean(dim=0)
    z = (frequency - grey[0].double()) / (grey[0].double() * (1 - grey[0].double()) / 4000).sqrt()
    between = (grey[0] > 0) & (grey[0] < 1)
    assert torch.equal(frequency[~between], grey[0].double()[~between])
    assert z[between].abs().max() < 4.5 and 0.6 < z[between].square().mean() < 1.4


def test_a_generator_makes_a_dynamic_draw_repeatable_and_leaves_the_global_state_alone():
    images = data.mnist(binarise="dynamic").train.images
    before = torch.get_rng_state()
    first, second = (images.draw([0, 1], generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("binarise", [None, "static", "dynamic"])
def test_loading_leaves_the_global_state_alone(binarise):
    before = torch.get_rng_state()
    data.mnist(binarise=binarise)
    assert torch.equal(before, torch.get_rng_state())


def test_grey_images_are_bytes_over_255():
    images = grey_images(numpy.array([[[0, 51, 255]]], dtype=numpy.uint8))
    assert images.shape == (1, 1, 1, 3) and images.flatten().tolist() == pytest.approx([0, 0.2, 1])


def test_a_data_set_says_what_it_is():
    assert repr(data.mnist(binarise="static")) == "Digits(MNIST, bundled, static binarisation: 6000 train, 1000 test)"
    assert repr(data.mnist().test) == "Examples(1000 images)"

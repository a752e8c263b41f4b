"""Orders and masks, against tables written by hand."""

import torch

from coursekit.autoregressive.masks import (
    causal_mask,
    channel_groups,
    earlier,
    hidden_degrees,
    made_masks,
    positions,
    raster_order,
)


def test_raster_order_goes_through_the_channels_first():
    # x.flatten(1) of two channels of 2 x 2 pixels: channel 0 has the numbers 0 to 3, channel 1 has 4 to 7
    assert raster_order((2, 2, 2)) == [0, 4, 1, 5, 2, 6, 3, 7]
    assert raster_order((1, 2, 2)) == [0, 1, 2, 3]
    assert raster_order((3,)) == [0, 1, 2]


def test_positions_and_who_comes_earlier():
    assert positions([2, 0, 1]).tolist() == [1, 2, 0]
    assert earlier([2, 0, 1]).tolist() == [[False, False, True], [True, False, True], [False, False, False]]
    assert torch.equal(earlier(range(4)), torch.ones(4, 4).tril(-1).bool())


def test_every_degree_gets_its_share_of_hidden_units():
    assert hidden_degrees(7, 4).tolist() == [1, 1, 1, 2, 2, 3, 3]
    assert hidden_degrees(3, 1).tolist() == [
        1,
        1,
        1,
    ]  # no dimension comes before another: these units know the only one
    assert hidden_degrees(2, 5).tolist() == [1, 3]


def test_made_masks_of_a_small_network():
    # order: dimension 1, then 0, then 2; so the inputs' degrees are 2, 1, 3. Hidden degrees: 1, 1, 2, 2.
    first, middle, last = (mask.int().tolist() for mask in made_masks([1, 0, 2], (4, 2)))
    assert first == [[0, 1, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0]]
    assert middle == [[1, 1, 0, 0], [1, 1, 1, 1]]  # the second layer's degrees are 1 and 2
    assert last == [[1, 0], [0, 0], [1, 1]]  # dimension 0 may see the first dimension, 1 none, 2 both


def test_features_are_shared_out_in_contiguous_groups():
    assert channel_groups(6, 3).tolist() == [0, 0, 1, 1, 2, 2]
    assert channel_groups(4, 3).tolist() == [0, 0, 1, 2]
    assert channel_groups(3, 1).tolist() == [0, 0, 0]


def test_the_masks_of_a_convolution():
    one = channel_groups(1, 1)
    assert causal_mask("A", one, one, 2, 3)[0, 0].int().tolist() == [[1, 1, 1], [1, 0, 0]]
    assert causal_mask("B", one, one, 2, 3)[0, 0].int().tolist() == [[1, 1, 1], [1, 1, 0]]


def test_green_sees_red_and_blue_sees_both():
    colour = channel_groups(3, 3)
    middle = {kind: causal_mask(kind, colour, colour, 2, 3)[:, :, 1, 1].int().tolist() for kind in "AB"}
    assert middle["A"] == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert middle["B"] == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    mask = causal_mask("A", colour, colour, 2, 3)
    assert mask[:, :, 0].all() and mask[:, :, 1, 0].all() and not mask[:, :, 1, 2].any()

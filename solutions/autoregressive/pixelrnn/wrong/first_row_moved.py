"""q1: count the rows from 0: the first row does not move"""

import torch


def skew(x, slope):
    height, width = x.shape[-2:]
    skewed = x.new_zeros(*x.shape[:-1], width + slope * height)
    for i in range(height):
        skewed[..., i, slope * (i + 1) : slope * (i + 1) + width] = x[..., i, :]
    return skewed


def unskew(skewed, slope):
    height = skewed.shape[-2]
    width = skewed.shape[-1] - slope * (height - 1)
    rows = [skewed[..., i, slope * i : slope * i + width] for i in range(height)]
    return torch.stack(rows, dim=-2)

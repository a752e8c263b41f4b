"""q1: you moved the columns down: move the rows to the right"""

import torch


def skew(x, slope):
    height, width = x.shape[-2:]
    skewed = x.new_zeros(*x.shape[:-2], height + slope * (width - 1), width)
    for j in range(width):
        skewed[..., slope * j : slope * j + height, j] = x[..., :, j]
    return skewed


def unskew(skewed, slope):
    height = skewed.shape[-2]
    width = skewed.shape[-1] - slope * (height - 1)
    rows = [skewed[..., i, slope * i : slope * i + width] for i in range(height)]
    return torch.stack(rows, dim=-2)

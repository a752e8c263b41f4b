"""q1: your rows move to the left: row 0 stays, each further one moves to the right"""

import torch


def skew(x, slope):
    height, width = x.shape[-2:]
    skewed = x.new_zeros(*x.shape[:-1], width + slope * (height - 1))
    for i in range(height):
        start = slope * (height - 1 - i)
        skewed[..., i, start : start + width] = x[..., i, :]
    return skewed


def unskew(skewed, slope):
    height = skewed.shape[-2]
    width = skewed.shape[-1] - slope * (height - 1)
    rows = [skewed[..., i, slope * i : slope * i + width] for i in range(height)]
    return torch.stack(rows, dim=-2)

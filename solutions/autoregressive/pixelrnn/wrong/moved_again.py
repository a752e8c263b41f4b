"""q1: unskew moved the rows further to the right: they must come back"""

import torch


def skew(x, slope):
    height, width = x.shape[-2:]
    skewed = x.new_zeros(*x.shape[:-1], width + slope * (height - 1))
    for i in range(height):
        skewed[..., i, slope * i : slope * i + width] = x[..., i, :]
    return skewed


def unskew(skewed, slope):
    height = skewed.shape[-2]
    width = skewed.shape[-1] - slope * (height - 1)
    rows = [skewed[..., i, :].roll(slope * i, dims=-1)[..., :width] for i in range(height)]
    return torch.stack(rows, dim=-2)

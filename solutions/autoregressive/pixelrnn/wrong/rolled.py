"""q1: your rows come back in at the other side: the map must be wider"""

import torch


def skew(x, slope):
    rows = [x[..., i, :].roll(slope * i, dims=-1) for i in range(x.shape[-2])]
    return torch.stack(rows, dim=-2)


def unskew(skewed, slope):
    height = skewed.shape[-2]
    width = skewed.shape[-1] - slope * (height - 1)
    rows = [skewed[..., i, slope * i : slope * i + width] for i in range(height)]
    return torch.stack(rows, dim=-2)

"""q2: you multiplied the errors: a pack is one decision, not m of them"""

import torch


def packed_error(p, q, m):
    return (torch.minimum(p, q).sum(dim=-1) / 2) ** m

"""q2: you packed copies of one example: the m draws are independent"""

import torch


def packed_error(p, q, m):
    return torch.minimum(p**m, q**m).sum(dim=-1) / 2

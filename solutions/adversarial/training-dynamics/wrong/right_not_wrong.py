"""q2: how often it is wrong, not how often it is right"""

import torch


def packed_error(p, q, m):
    packs_p, packs_q = p, q
    for _ in range(m - 1):
        packs_p = (packs_p.unsqueeze(-1) * p.unsqueeze(-2)).flatten(-2)
        packs_q = (packs_q.unsqueeze(-1) * q.unsqueeze(-2)).flatten(-2)
    return 1 - torch.minimum(packs_p, packs_q).sum(dim=-1) / 2

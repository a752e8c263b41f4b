"""q2: the coin is missing: each source comes half of the time"""

import torch


def packed_error(p, q, m):
    packs_p, packs_q = p, q
    for _ in range(m - 1):
        packs_p = (packs_p.unsqueeze(-1) * p.unsqueeze(-2)).flatten(-2)
        packs_q = (packs_q.unsqueeze(-1) * q.unsqueeze(-2)).flatten(-2)
    return torch.minimum(packs_p, packs_q).sum(dim=-1)

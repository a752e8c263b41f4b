"""q2: every order of a pack counts: (1, 2) and (2, 1) are two packs"""

from itertools import combinations_with_replacement

import torch


def packed_error(p, q, m):
    packs = torch.tensor(list(combinations_with_replacement(range(p.shape[-1]), m)))
    return torch.minimum(p[..., packs].prod(dim=-1), q[..., packs].prod(dim=-1)).sum(dim=-1) / 2

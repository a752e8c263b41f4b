"""q2: a point weighs r, not r squared"""

import torch


def m_step(x, responsibilities, floor):
    total = responsibilities.sum(dim=0)  # (K,)
    part = (responsibilities / total).mT  # (K, N)
    means = part @ x  # (K, d)
    excess = x - means.unsqueeze(1)  # (K, N, d)
    weighted = responsibilities.mT.unsqueeze(-1) * excess  # (K, N, d)
    covariances = weighted.mT @ weighted / total.view(-1, 1, 1)  # (K, d, d)
    return total / len(x), means, covariances + floor * torch.eye(x.shape[-1], dtype=x.dtype)

"""q2: these are the numbers N_k: divide by N"""

import torch


def m_step(x, responsibilities, floor):
    total = responsibilities.sum(dim=0)  # (K,)
    part = (responsibilities / total).mT  # (K, N)
    means = part @ x  # (K, d)
    excess = x - means.unsqueeze(1)  # (K, N, d)
    covariances = (part.unsqueeze(-1) * excess).mT @ excess  # (K, d, d)
    return total, means, covariances + floor * torch.eye(x.shape[-1], dtype=x.dtype)

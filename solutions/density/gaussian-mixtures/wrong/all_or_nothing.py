"""q2: you gave every point to one part: all share it"""

import torch


def m_step(x, responsibilities, floor):
    responsibilities = torch.nn.functional.one_hot(responsibilities.argmax(dim=1)).to(x)  # (N, K)
    total = responsibilities.sum(dim=0)  # (K,)
    part = (responsibilities / total).mT  # (K, N)
    means = part @ x  # (K, d)
    excess = x - means.unsqueeze(1)  # (K, N, d)
    covariances = (part.unsqueeze(-1) * excess).mT @ excess  # (K, d, d)
    return total / len(x), means, covariances + floor * torch.eye(x.shape[-1], dtype=x.dtype)

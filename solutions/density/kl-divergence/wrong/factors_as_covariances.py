"""q1: you took the Cholesky factors for the covariances"""

import torch


def gaussian_kl(mean_p, scale_tril_p, mean_q, scale_tril_q):
    log_ratio = torch.logdet(scale_tril_q) - torch.logdet(scale_tril_p)
    trace = torch.linalg.solve(scale_tril_q, scale_tril_p).diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    shift = mean_q - mean_p
    quadratic = (shift * torch.linalg.solve(scale_tril_q, shift.unsqueeze(-1)).squeeze(-1)).sum(dim=-1)
    return 0.5 * (log_ratio + trace + quadratic - mean_p.shape[-1])

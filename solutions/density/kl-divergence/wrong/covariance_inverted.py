"""q1: singular"""

import torch


def gaussian_kl(mean_p, scale_tril_p, mean_q, scale_tril_q):
    covariance_p, covariance_q = scale_tril_p @ scale_tril_p.mT, scale_tril_q @ scale_tril_q.mT
    inverse = torch.linalg.inv(covariance_q)
    half_log_det_p = scale_tril_p.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    half_log_det_q = scale_tril_q.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    trace = (inverse @ covariance_p).diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    shift = (mean_q - mean_p).unsqueeze(-1)
    quadratic = (shift.mT @ inverse @ shift).squeeze(-1).squeeze(-1)
    return half_log_det_q - half_log_det_p + 0.5 * (trace + quadratic - mean_p.shape[-1])

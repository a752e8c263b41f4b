"""q1: you did not subtract the dimension D"""

import torch


def gaussian_kl(mean_p, scale_tril_p, mean_q, scale_tril_q):
    half_log_det_p = scale_tril_p.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    half_log_det_q = scale_tril_q.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    columns = torch.cat([scale_tril_p, (mean_p - mean_q).unsqueeze(-1)], dim=-1)
    whitened = torch.linalg.solve_triangular(scale_tril_q, columns, upper=False)
    quadratic = whitened.square().sum(dim=(-2, -1))
    return half_log_det_q - half_log_det_p + 0.5 * quadratic

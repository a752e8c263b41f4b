"""q1: the determinant is too small for a float: sum the logs of the diagonal"""

import torch


def gaussian_kl(mean_p, scale_tril_p, mean_q, scale_tril_q):
    half_log_det_p = scale_tril_p.diagonal(dim1=-2, dim2=-1).prod(dim=-1).log()
    half_log_det_q = scale_tril_q.diagonal(dim1=-2, dim2=-1).prod(dim=-1).log()
    columns = torch.cat([scale_tril_p, (mean_p - mean_q).unsqueeze(-1)], dim=-1)
    whitened = torch.linalg.solve_triangular(scale_tril_q, columns, upper=False)
    quadratic = whitened.square().sum(dim=(-2, -1))
    return half_log_det_q - half_log_det_p + 0.5 * (quadratic - mean_p.shape[-1])

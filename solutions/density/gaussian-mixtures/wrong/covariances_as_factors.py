"""q1: you took the covariances for their Cholesky factors"""

import math

import torch


def e_step(x, weights, means, covariances):
    excess = (x - means.unsqueeze(1)).mT  # (K, d, B)
    whitened = torch.linalg.solve_triangular(covariances, excess, upper=False)  # (K, d, B)
    quadratic = whitened.square().sum(dim=1).mT  # (B, K)
    log_det = 2 * covariances.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)  # (K,)
    log_density = -0.5 * (x.shape[-1] * math.log(2 * math.pi) + log_det + quadratic)  # (B, K)
    log_joint = weights.log() + log_density  # (B, K)
    return log_joint.softmax(dim=-1), log_joint.logsumexp(dim=-1)

"""q1: add up to one over the parts, not over the points"""

import math

import torch


def e_step(x, weights, means, covariances):
    scale_tril = torch.linalg.cholesky(covariances)  # (K, d, d)
    excess = (x - means.unsqueeze(1)).mT  # (K, d, B)
    whitened = torch.linalg.solve_triangular(scale_tril, excess, upper=False)  # (K, d, B)
    quadratic = whitened.square().sum(dim=1).mT  # (B, K)
    log_det = 2 * scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)  # (K,)
    log_density = -0.5 * (x.shape[-1] * math.log(2 * math.pi) + log_det + quadratic)  # (B, K)
    log_joint = weights.log() + log_density  # (B, K)
    return log_joint.softmax(dim=0), log_joint.logsumexp(dim=-1)

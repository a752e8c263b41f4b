"""q1: in logs you subtract the logarithm of the determinant, not the determinant"""

import math

import torch


def log_prob(x, inverse, jacobian):
    z = inverse(x)  # (B, d)
    log_noise = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)  # (B,)
    return log_noise - torch.linalg.det(jacobian(z)).abs()

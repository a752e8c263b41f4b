"""q1: there is no half before the log-determinant: that belongs to a covariance"""

import math

import torch


def log_prob(x, inverse, jacobian):
    z = inverse(x)  # (B, d)
    log_noise = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)  # (B,)
    return log_noise - 0.5 * torch.linalg.slogdet(jacobian(z)).logabsdet

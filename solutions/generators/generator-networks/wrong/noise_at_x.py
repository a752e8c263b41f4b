"""q1: the density of the noise is taken at z, not at x"""

import math

import torch


def log_prob(x, inverse, jacobian):
    z = inverse(x)  # (B, d)
    log_noise = -0.5 * (x.square() + math.log(2 * math.pi)).sum(dim=1)  # (B,)
    return log_noise - torch.linalg.slogdet(jacobian(z)).logabsdet

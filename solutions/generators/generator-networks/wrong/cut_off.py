"""q1: do not cut the determinant off: it may be as small as it likes"""

import math

import torch


def log_prob(x, inverse, jacobian):
    z = inverse(x)  # (B, d)
    log_noise = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)  # (B,)
    return log_noise - torch.linalg.det(jacobian(z)).abs().clamp(min=1e-12).log()

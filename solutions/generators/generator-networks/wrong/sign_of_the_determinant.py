"""q1: a negative determinant has no logarithm: take its absolute value"""

import math

import torch


def log_prob(x, inverse, jacobian):
    z = inverse(x)  # (B, d)
    log_noise = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)  # (B,)
    return log_noise - torch.logdet(jacobian(z))

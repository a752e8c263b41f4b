"""q1: a channel rebuilt exactly has sigma 0: allow none below 1/256"""

import math


def log_likelihood_at_best_scale(x, mean):
    variance = (x - mean).square().mean(dim=(0, 2, 3), keepdim=True)
    log_prob = -0.5 * ((x - mean).square() / variance + (2 * math.pi * variance).log())
    return log_prob.sum(dim=(1, 2, 3))

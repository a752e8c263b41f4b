"""q2: a density of thousands of dimensions does not fit into a float: stay in logs"""

import math


def bits_per_dimension(level, noise, log_prob, levels, alpha):
    y = ((level + noise) / levels).flatten(2)  # (S, B, d)
    s = alpha + (1 - 2 * alpha) * y
    log_slope = math.log(1 - 2 * alpha) - s.log() - (1 - s).log()
    log_density = log_prob(s.logit()) + log_slope.sum(dim=-1)  # (S, B)
    dimensions = y.shape[-1]
    log_mass = log_density.exp().mean(dim=0).log() - dimensions * math.log(levels)  # (B,)
    return -log_mass / (dimensions * math.log(2))

"""q1: a probability is at most one"""

import torch


def multiplying_step(x, log_density, step_size, noise, uniform):
    proposal = x * (step_size * noise).exp()  # (C, d)
    correction = (step_size * noise).sum(dim=-1)  # (C,)
    log_ratio = log_density(proposal) - log_density(x) + correction  # (C,)
    probability = log_ratio.exp()  # (C,)
    return torch.where((uniform < probability).unsqueeze(-1), proposal, x), probability

"""q1: a chain may move downhill too: compare with the uniform number"""

import torch


def multiplying_step(x, log_density, step_size, noise, uniform):
    proposal = x * (step_size * noise).exp()  # (C, d)
    correction = (step_size * noise).sum(dim=-1)  # (C,)
    log_ratio = log_density(proposal) - log_density(x) + correction  # (C,)
    probability = log_ratio.clamp(max=0).exp()  # (C,)
    return torch.where((probability == 1).unsqueeze(-1), proposal, x), probability

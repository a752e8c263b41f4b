"""q1: these are logs of probabilities"""

import torch


def multiplying_step(x, log_density, step_size, noise, uniform):
    proposal = x * (step_size * noise).exp()  # (C, d)
    correction = (step_size * noise).sum(dim=-1)  # (C,)
    log_ratio = log_density(proposal) - log_density(x) + correction  # (C,)
    probability = log_ratio.clamp(max=0).exp()  # (C,)
    return torch.where((uniform < probability).unsqueeze(-1), proposal, x), probability.log()

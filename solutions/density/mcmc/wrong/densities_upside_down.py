"""q1: p of the proposal stands above, p of the old place below"""

import torch


def multiplying_step(x, log_density, step_size, noise, uniform):
    proposal = x * (step_size * noise).exp()  # (C, d)
    correction = (step_size * noise).sum(dim=-1)  # (C,)
    log_ratio = log_density(x) - log_density(proposal) + correction  # (C,)
    probability = log_ratio.clamp(max=0).exp()  # (C,)
    return torch.where((uniform < probability).unsqueeze(-1), proposal, x), probability

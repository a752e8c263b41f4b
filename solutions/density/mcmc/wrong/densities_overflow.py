"""q1: e to the 1,000 is no float: subtract logs first"""

import torch


def multiplying_step(x, log_density, step_size, noise, uniform):
    proposal = x * (step_size * noise).exp()  # (C, d)
    correction = (step_size * noise).sum(dim=-1)  # (C,)
    ratio = log_density(proposal).exp() / log_density(x).exp() * correction.exp()  # (C,)
    probability = ratio.clamp(max=1)  # (C,)
    return torch.where((uniform < probability).unsqueeze(-1), proposal, x), probability

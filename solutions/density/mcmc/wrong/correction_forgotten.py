"""q1: this proposal is not symmetric: Hastings' correction is missing"""

import torch


def multiplying_step(x, log_density, step_size, noise, uniform):
    proposal = x * (step_size * noise).exp()  # (C, d)
    log_ratio = log_density(proposal) - log_density(x)  # (C,)
    probability = log_ratio.clamp(max=0).exp()  # (C,)
    return torch.where((uniform < probability).unsqueeze(-1), proposal, x), probability

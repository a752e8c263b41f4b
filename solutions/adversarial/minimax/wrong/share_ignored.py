"""q2: you left the share out"""

import torch
from torch.nn.functional import softplus


def best_discriminator(log_p, log_q, share):
    nowhere = log_p.isneginf() & log_q.isneginf()
    logit = torch.where(nowhere, 0.0, log_p - log_q)
    on_data = torch.where(log_p.isneginf(), 0.0, log_p.exp() * -softplus(-logit))
    on_fakes = torch.where(log_q.isneginf(), 0.0, log_q.exp() * -softplus(logit))
    return logit.sigmoid(), share * on_data.sum(dim=-1) + (1 - share) * on_fakes.sum(dim=-1)

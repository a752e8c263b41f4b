"""q2: 0 log 0 is not a number: what never comes adds nothing"""

import math

import torch


def best_discriminator(log_p, log_q, share):
    logit = log_p - log_q + math.log(share) - math.log1p(-share)
    d = torch.where(logit.isnan(), share, logit.sigmoid())
    value = share * log_p.exp() * d.log() + (1 - share) * log_q.exp() * (1 - d).log()
    return d, value.sum(dim=-1)

"""q2: logits become weights by a softmax: they must sum to one"""

import torch
from torch.nn.functional import logsigmoid


def log_prob(level, logits, means, log_scales, levels):
    x = level.to(means.dtype).unsqueeze(-1)  # (..., 1)
    precision = (-log_scales).exp()  # (..., K)
    upper, lower = (x + 0.5 - means) * precision, (x - 0.5 - means) * precision  # (..., K)
    first, last = x == 0, x == levels - 1  # (..., 1)
    per_part = (
        torch.where(last, 0.0, logsigmoid(upper))
        + torch.where(first, 0.0, logsigmoid(-lower))
        + torch.where(first | last, 0.0, (-torch.expm1(lower - upper)).log())
    )  # (..., K)
    return (logits + per_part).logsumexp(dim=-1)

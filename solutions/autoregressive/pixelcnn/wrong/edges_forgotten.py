"""q2: the lowest and the highest level get all that lies beyond them"""

import torch
from torch.nn.functional import logsigmoid


def log_prob(level, logits, means, log_scales, levels):
    x = level.to(means.dtype).unsqueeze(-1)  # (..., 1)
    precision = (-log_scales).exp()  # (..., K)
    upper, lower = (x + 0.5 - means) * precision, (x - 0.5 - means) * precision  # (..., K)
    per_part = logsigmoid(upper) + logsigmoid(-lower) + (-torch.expm1(lower - upper)).log()
    return (logits.log_softmax(dim=-1) + per_part).logsumexp(dim=-1)

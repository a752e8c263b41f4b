"""q1: you took the sigmoid twice"""

from torch.nn.functional import logsigmoid


def log_likelihood(x, weight, bias):
    logits = (bias + x @ weight.tril(-1).mT).sigmoid()  # (..., d)
    return logsigmoid((2 * x - 1) * logits).sum(dim=-1)

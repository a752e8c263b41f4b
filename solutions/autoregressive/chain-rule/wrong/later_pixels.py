"""q1: you kept the weights above the diagonal: a pixel sees those after it"""

from torch.nn.functional import logsigmoid


def log_likelihood(x, weight, bias):
    logits = bias + x @ weight.triu(1).mT  # (..., d)
    return logsigmoid((2 * x - 1) * logits).sum(dim=-1)

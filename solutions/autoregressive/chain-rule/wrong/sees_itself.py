"""q1: your sum runs to i: no pixel may see itself"""

from torch.nn.functional import logsigmoid


def log_likelihood(x, weight, bias):
    logits = bias + x @ weight.tril().mT  # (..., d)
    return logsigmoid((2 * x - 1) * logits).sum(dim=-1)

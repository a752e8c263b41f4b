"""q1: binary_cross_entropy cuts each logarithm off at -100: give the logits to its sibling"""

from torch.nn.functional import binary_cross_entropy


def log_likelihood(x, weight, bias):
    of_one = (bias + x @ weight.tril(-1).mT).sigmoid()  # (..., d)
    return -binary_cross_entropy(of_one, x, reduction="none").sum(dim=-1)

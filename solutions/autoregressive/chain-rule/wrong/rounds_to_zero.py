"""q1: a sigmoid, then a logarithm: the probability rounds to zero; stay with the logits"""

import torch


def log_likelihood(x, weight, bias):
    of_one = (bias + x @ weight.tril(-1).mT).sigmoid()  # (..., d)
    return torch.where(x > 0.5, of_one, 1 - of_one).log().sum(dim=-1)

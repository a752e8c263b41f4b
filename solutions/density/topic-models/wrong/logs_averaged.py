"""q1: you averaged logs: take the log of the mixture"""

import torch


def log_likelihood(counts, shares, topics):
    return (counts * (shares @ topics.log())).sum(dim=-1)  # (D,)


def em_step(counts, shares, topics):
    p = shares @ topics  # (D, V)
    ratio = torch.where(counts > 0, counts / p, 0.0)  # (D, V)
    by_document = shares * (ratio @ topics.mT)  # (D, K)
    by_word = topics * (shares.mT @ ratio)  # (K, V)
    return by_document / by_document.sum(dim=-1, keepdim=True), by_word / by_word.sum(dim=-1, keepdim=True)

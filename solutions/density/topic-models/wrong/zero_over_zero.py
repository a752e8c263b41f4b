"""q1: zero over zero: a word that does not occur changes nothing"""

import torch


def log_likelihood(counts, shares, topics):
    return torch.xlogy(counts, shares @ topics).sum(dim=-1)  # (D,)


def em_step(counts, shares, topics):
    p = shares @ topics  # (D, V)
    ratio = counts / p  # (D, V)
    by_document = shares * (ratio @ topics.mT)  # (D, K)
    by_word = topics * (shares.mT @ ratio)  # (K, V)
    return by_document / by_document.sum(dim=-1, keepdim=True), by_word / by_word.sum(dim=-1, keepdim=True)

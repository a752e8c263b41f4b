"""q1: r depends on the shares of the document, too"""

import torch


def log_likelihood(counts, shares, topics):
    return torch.xlogy(counts, shares @ topics).sum(dim=-1)  # (D,)


def em_step(counts, shares, topics):
    r = topics / topics.sum(dim=0)  # (K, V)
    by_document = counts @ r.mT  # (D, K)
    by_word = r * counts.sum(dim=0)  # (K, V)
    return by_document / by_document.sum(dim=-1, keepdim=True), by_word / by_word.sum(dim=-1, keepdim=True)

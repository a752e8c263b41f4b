"""q2: you subtracted no baseline"""

import torch
from torch.nn.functional import one_hot


def leave_one_out_estimates(logits, drawn, values):
    categories = logits.shape[-1]
    baseline = torch.zeros_like(values)  # (S, B)
    score = one_hot(drawn, categories) - logits.softmax(dim=-1)  # (S, B, D, K)
    return (values - baseline)[:, :, None, None] * score

"""q2: you took out one maximum for the whole batch: each example needs its own"""


def importance_weighted_bound(log_weights):
    top = log_weights.max()
    return top + (log_weights - top).exp().mean(dim=0).log()

"""q2: the weights leave the range of floats: take the largest log-weight out first"""


def importance_weighted_bound(log_weights):
    return log_weights.exp().mean(dim=0).log()

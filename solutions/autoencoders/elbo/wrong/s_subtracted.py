"""q2: you subtracted S: subtract log S"""


def importance_weighted_bound(log_weights):
    return log_weights.logsumexp(dim=0) - len(log_weights)

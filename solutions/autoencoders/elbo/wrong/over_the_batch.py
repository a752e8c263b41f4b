"""q2: you averaged over the batch: the samples are the first axis"""

import math


def importance_weighted_bound(log_weights):
    return log_weights.logsumexp(dim=1) - math.log(log_weights.shape[1])

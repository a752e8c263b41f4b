"""q1: you subtracted the mean error: a constant error is an error too"""

from torch.distributions import Normal


def log_likelihood_at_best_scale(x, mean):
    scale = (x - mean).std(dim=(0, 2, 3), keepdim=True).clamp(min=1 / 256)
    return Normal(mean, scale).log_prob(x).sum(dim=(1, 2, 3))

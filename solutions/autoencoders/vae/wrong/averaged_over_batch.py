"""q1: you averaged over the batch: give one number for each image"""

from torch.distributions import Normal


def log_likelihood_at_best_scale(x, mean):
    variance = (x - mean).square().mean(dim=(0, 2, 3), keepdim=True)
    scale = variance.sqrt().clamp(min=1 / 256)
    return Normal(mean, scale).log_prob(x).sum(dim=(1, 2, 3)).mean()

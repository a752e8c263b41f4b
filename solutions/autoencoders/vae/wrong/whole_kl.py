"""q2: this is the whole KL: the mismatch is what the information leaves of it"""

import math

from torch.distributions import Normal


def split_kl(mean, log_variance, noise):
    scale = (0.5 * log_variance).exp()
    z = mean + scale * noise
    log_prob = Normal(mean, scale).log_prob(z.unsqueeze(1)).sum(dim=-1)
    log_average = log_prob.logsumexp(dim=1) - math.log(len(mean))
    information = (log_prob.diagonal() - log_average).mean()
    mismatch = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1).mean()
    return information, mismatch

"""q2: you averaged over the codes: q(z) averages over the posteriors"""

import math

from torch.distributions import Normal


def split_kl(mean, log_variance, noise):
    scale = (0.5 * log_variance).exp()
    z = mean + scale * noise
    log_prob = Normal(mean, scale).log_prob(z.unsqueeze(1)).sum(dim=-1)
    log_average = log_prob.logsumexp(dim=0) - math.log(len(mean))
    information = (log_prob.diagonal() - log_average).mean()
    mismatch = (log_average - Normal(0.0, 1.0).log_prob(z).sum(dim=-1)).mean()
    return information, mismatch

"""q2: your answer is in float32; it must be in float64"""

import math

from torch.distributions import MultivariateNormal


def monte_carlo_kl(mean_p, scale_tril_p, mean_q, scale_tril_q, noise):
    p = MultivariateNormal(mean_p, scale_tril=scale_tril_p)
    q = MultivariateNormal(mean_q, scale_tril=scale_tril_q)
    x = p.loc + noise @ p.scale_tril.mT
    log_ratio = p.log_prob(x) - q.log_prob(x)
    return log_ratio.mean(), log_ratio.std() / math.sqrt(len(noise))

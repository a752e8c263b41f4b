"""q2: your points come from q: the expectation is under p"""

import math

from torch.distributions import MultivariateNormal


def monte_carlo_kl(mean_p, scale_tril_p, mean_q, scale_tril_q, noise):
    p = MultivariateNormal(mean_p.double(), scale_tril=scale_tril_p.double())
    q = MultivariateNormal(mean_q.double(), scale_tril=scale_tril_q.double())
    x = q.loc + noise.double() @ q.scale_tril.mT
    log_ratio = p.log_prob(x) - q.log_prob(x)
    return log_ratio.mean(), log_ratio.std() / math.sqrt(len(noise))

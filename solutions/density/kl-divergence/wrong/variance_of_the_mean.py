"""q2: this is the variance of the mean: the standard error is its root"""

from torch.distributions import MultivariateNormal


def monte_carlo_kl(mean_p, scale_tril_p, mean_q, scale_tril_q, noise):
    p = MultivariateNormal(mean_p.double(), scale_tril=scale_tril_p.double())
    q = MultivariateNormal(mean_q.double(), scale_tril=scale_tril_q.double())
    x = p.loc + noise.double() @ p.scale_tril.mT
    log_ratio = p.log_prob(x) - q.log_prob(x)
    return log_ratio.mean(), log_ratio.var() / len(noise)

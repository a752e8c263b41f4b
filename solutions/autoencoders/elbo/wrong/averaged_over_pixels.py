"""q1: you averaged over the pixels: this is a beta of 784"""


def elbo(mean, log_variance, noise, log_likelihood):
    z = mean + (0.5 * log_variance).exp() * noise
    log_likelihood_of_x = log_likelihood(z).mean(dim=-1)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1)
    return log_likelihood_of_x - kl

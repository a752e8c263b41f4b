"""q1: you averaged the KL over the latents: this is a beta of one half"""


def elbo(mean, log_variance, noise, log_likelihood):
    z = mean + (0.5 * log_variance).exp() * noise
    log_likelihood_of_x = log_likelihood(z).sum(dim=-1)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(dim=-1)
    return log_likelihood_of_x - kl

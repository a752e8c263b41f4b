"""q1: you took the slope at the mean: take it at the draws"""


def pathwise_estimates(mean, log_variance, noise, slope):
    scale = (0.5 * log_variance).exp()
    along = slope(mean).expand_as(noise)
    return along, along * noise * scale / 2

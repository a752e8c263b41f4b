"""q1: you multiplied the noise by the variance: it takes the standard deviation"""


def pathwise_estimates(mean, log_variance, noise, slope):
    scale = log_variance.exp()
    along = slope(mean + scale * noise)
    return along, along * noise * scale

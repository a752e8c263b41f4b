"""q1: the log-variance lacks a half: sigma is exp(log_variance / 2)"""


def pathwise_estimates(mean, log_variance, noise, slope):
    scale = (0.5 * log_variance).exp()
    along = slope(mean + scale * noise)
    return along, along * noise * scale

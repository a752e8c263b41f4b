"""q1: the log-variance lacks the noise: how far a draw moves depends on it"""


def pathwise_estimates(mean, log_variance, noise, slope):
    scale = (0.5 * log_variance).exp()
    along = slope(mean + scale * noise)
    return along, along * scale / 2

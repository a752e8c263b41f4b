"""q1: your second gradient is the one in sigma: go on to the log-variance"""


def pathwise_estimates(mean, log_variance, noise, slope):
    scale = (0.5 * log_variance).exp()
    along = slope(mean + scale * noise)
    return along, along * noise

"""q2: your second score is the one in sigma: go on to the log-variance"""


def score_function_estimates(mean, log_variance, noise, f):
    scale = (0.5 * log_variance).exp()
    values = f(mean + scale * noise)
    baseline = (values.sum(dim=0) - values) / (len(noise) - 1)
    weight = (values - baseline).unsqueeze(-1)
    return weight * noise / scale, weight * (noise.square() - 1) / scale

"""q2: your second score lacks its -1: log q contains -log sigma"""


def score_function_estimates(mean, log_variance, noise, f):
    scale = (0.5 * log_variance).exp()
    values = f(mean + scale * noise)
    baseline = (values.sum(dim=0) - values) / (len(noise) - 1)
    weight = (values - baseline).unsqueeze(-1)
    return weight * noise / scale, weight * noise.square() / 2

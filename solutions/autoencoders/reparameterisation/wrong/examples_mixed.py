"""q2: your baseline mixes the examples: each has an f of its own"""


def score_function_estimates(mean, log_variance, noise, f):
    scale = (0.5 * log_variance).exp()
    values = f(mean + scale * noise)
    baseline = (values.sum() - values) / (values.numel() - 1)
    weight = (values - baseline).unsqueeze(-1)
    return weight * noise / scale, weight * (noise.square() - 1) / 2

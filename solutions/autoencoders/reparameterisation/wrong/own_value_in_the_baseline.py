"""q2: your baseline contains the draw's own value: leave it out"""


def score_function_estimates(mean, log_variance, noise, f):
    scale = (0.5 * log_variance).exp()
    values = f(mean + scale * noise)
    baseline = values.mean(dim=0)
    weight = (values - baseline).unsqueeze(-1)
    return weight * noise / scale, weight * (noise.square() - 1) / 2

"""q2: you subtracted no baseline"""


def score_function_estimates(mean, log_variance, noise, f):
    scale = (0.5 * log_variance).exp()
    values = f(mean + scale * noise)
    weight = values.unsqueeze(-1)
    return weight * noise / scale, weight * (noise.square() - 1) / 2

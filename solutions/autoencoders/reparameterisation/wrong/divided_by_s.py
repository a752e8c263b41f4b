"""q2: the other draws are S - 1: you divided their sum by S"""


def score_function_estimates(mean, log_variance, noise, f):
    scale = (0.5 * log_variance).exp()
    values = f(mean + scale * noise)
    baseline = (values.sum(dim=0) - values) / len(noise)
    weight = (values - baseline).unsqueeze(-1)
    return weight * noise / scale, weight * (noise.square() - 1) / 2

"""q2: you averaged over the draws: give one estimate for each"""


def score_function_estimates(mean, log_variance, noise, f):
    scale = (0.5 * log_variance).exp()
    values = f(mean + scale * noise)
    baseline = (values.sum(dim=0) - values) / (len(noise) - 1)
    weight = (values - baseline).unsqueeze(-1)
    return (weight * noise / scale).mean(dim=0), (weight * (noise.square() - 1) / 2).mean(dim=0)

"""q1: undo the shift first, then the scale"""


def to_data(z, keep, networks):
    x, log_det = z.clone(), z.new_zeros(len(z))
    for kept, network in zip(keep, networks, strict=True):
        log_scale, shift = network(x[:, kept])
        x[:, ~kept] = x[:, ~kept] * log_scale.exp() + shift
        log_det = log_det + log_scale.sum(dim=1)
    return x, log_det


def to_noise(x, keep, networks):
    z, log_det = x.clone(), x.new_zeros(len(x))
    for layer in reversed(range(len(networks))):
        kept = keep[layer]
        log_scale, shift = networks[layer](z[:, kept])
        z[:, ~kept] = z[:, ~kept] * (-log_scale).exp() - shift
        log_det = log_det - log_scale.sum(dim=1)
    return z, log_det

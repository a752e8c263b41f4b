"""q2: you asked twice at the same place: the last kick of a step and the first one of the next"""


def path(x, momentum, mass, log_density, gradient, step_size, steps):
    energy = (momentum.square() / (2 * mass)).sum(dim=-1) - log_density(x)  # (C,)
    for _ in range(steps):
        momentum = momentum + step_size / 2 * gradient(x)  # (C, d)
        x = x + step_size * momentum / mass  # (C, d)
        momentum = momentum + step_size / 2 * gradient(x)  # (C, d)
    end_energy = (momentum.square() / (2 * mass)).sum(dim=-1) - log_density(x)  # (C,)
    return x, momentum, (energy - end_energy).clamp(max=0)

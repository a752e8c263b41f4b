"""q2: the last kick takes half a step"""


def path(x, momentum, mass, log_density, gradient, step_size, steps):
    energy = (momentum.square() / (2 * mass)).sum(dim=-1) - log_density(x)  # (C,)
    momentum = momentum + step_size / 2 * gradient(x)  # (C, d)
    for _ in range(steps):
        x = x + step_size * momentum / mass  # (C, d)
        momentum = momentum + step_size * gradient(x)  # (C, d)
    end_energy = (momentum.square() / (2 * mass)).sum(dim=-1) - log_density(x)  # (C,)
    return x, momentum, (energy - end_energy).clamp(max=0)

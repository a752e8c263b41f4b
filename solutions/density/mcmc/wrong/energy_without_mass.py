"""q2: the masses are missing in the energy"""


def path(x, momentum, mass, log_density, gradient, step_size, steps):
    energy = (momentum.square() / 2).sum(dim=-1) - log_density(x)  # (C,)
    momentum = momentum + step_size / 2 * gradient(x)  # (C, d)
    for step in range(1, steps + 1):
        x = x + step_size * momentum / mass  # (C, d)
        kick = step_size if step < steps else step_size / 2
        momentum = momentum + kick * gradient(x)  # (C, d)
    end_energy = (momentum.square() / 2).sum(dim=-1) - log_density(x)  # (C,)
    return x, momentum, (energy - end_energy).clamp(max=0)

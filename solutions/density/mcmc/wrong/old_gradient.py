"""q2: the gradient is taken where the place is now, after the move"""


def path(x, momentum, mass, log_density, gradient, step_size, steps):
    energy = (momentum.square() / (2 * mass)).sum(dim=-1) - log_density(x)  # (C,)
    for _ in range(steps):
        force = gradient(x)  # (C, d)
        half = momentum + step_size / 2 * force  # (C, d)
        x = x + step_size * half / mass  # (C, d)
        momentum = half + step_size / 2 * force  # (C, d)
    end_energy = (momentum.square() / (2 * mass)).sum(dim=-1) - log_density(x)  # (C,)
    return x, momentum, (energy - end_energy).clamp(max=0)

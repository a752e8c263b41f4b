"""q2: it differs from the right answer"""

import torch


def best_restorer(images, corruption):
    images = images.double().repeat(10_000 // len(images), 1)
    kept = torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) >= corruption
    damaged = torch.cat([images * kept, torch.ones_like(images[:, :1])], dim=1)
    solution = torch.linalg.pinv(damaged.T @ damaged, hermitian=True) @ damaged.T @ images
    return solution[:-1].T, solution[-1]

"""q2: this is the best map without b: take the means off first"""

import torch


def best_restorer(images, corruption):
    images, kept = images.double(), 1 - corruption
    second = images.T @ images / len(images)
    damaged = kept**2 * second + kept * (1 - kept) * second.diagonal().diag()
    weight = kept * second @ torch.linalg.pinv(damaged, hermitian=True)
    return weight, torch.zeros_like(images[0])

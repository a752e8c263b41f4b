"""q2: this gives the damaged image back: the clean one is wanted"""

import torch


def best_restorer(images, corruption):
    images, kept = images.double(), 1 - corruption
    mean = images.mean(dim=0)
    covariance = (images - mean).T @ (images - mean) / len(images)
    damaged = kept**2 * covariance + kept * (1 - kept) * images.square().mean(dim=0).diag()
    weight = damaged @ torch.linalg.pinv(damaged, hermitian=True)
    return weight, kept * mean - kept * weight @ mean

"""q2: damaged images are darker: they do not have the clean mean"""

import torch


def best_restorer(images, corruption):
    images, kept = images.double(), 1 - corruption
    mean = images.mean(dim=0)
    covariance = (images - mean).T @ (images - mean) / len(images)
    damaged = kept**2 * covariance + kept * (1 - kept) * images.square().mean(dim=0).diag()
    weight = kept * covariance @ torch.linalg.pinv(damaged, hermitian=True)
    return weight, mean - weight @ mean

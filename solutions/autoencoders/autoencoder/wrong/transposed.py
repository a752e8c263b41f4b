"""q2: this is the transpose: a row of W makes one pixel"""

import torch


def best_restorer(images, corruption):
    images, kept = images.double(), 1 - corruption
    mean = images.mean(dim=0)
    covariance = (images - mean).T @ (images - mean) / len(images)
    damaged = kept**2 * covariance + kept * (1 - kept) * images.square().mean(dim=0).diag()
    weight = kept * torch.linalg.pinv(damaged, hermitian=True) @ covariance
    return weight, mean - kept * weight.T @ mean

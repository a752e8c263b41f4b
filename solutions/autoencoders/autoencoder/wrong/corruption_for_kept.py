"""q2: `corruption` is the probability of being lost, not kept"""

import torch


def best_restorer(images, corruption):
    images, kept = images.double(), corruption
    mean = images.mean(dim=0)
    covariance = (images - mean).T @ (images - mean) / len(images)
    damaged = kept**2 * covariance + kept * (1 - kept) * images.square().mean(dim=0).diag()
    weight = kept * covariance @ torch.linalg.pinv(damaged, hermitian=True)
    return weight, mean - kept * weight @ mean

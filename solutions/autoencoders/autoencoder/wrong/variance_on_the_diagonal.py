"""q2: lost pixels turn black: the diagonal needs E[x^2], no variance"""

import torch


def best_restorer(images, corruption):
    images, kept = images.double(), 1 - corruption
    mean = images.mean(dim=0)
    covariance = (images - mean).T @ (images - mean) / len(images)
    damaged = kept**2 * covariance + kept * (1 - kept) * covariance.diagonal().diag()
    weight = kept * covariance @ torch.linalg.pinv(damaged, hermitian=True)
    return weight, mean - kept * weight @ mean

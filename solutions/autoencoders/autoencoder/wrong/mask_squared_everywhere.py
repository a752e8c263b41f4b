"""q2: a mask and itself are not independent: mind the diagonal"""

import torch


def best_restorer(images, corruption):
    images, kept = images.double(), 1 - corruption
    mean = images.mean(dim=0)
    covariance = (images - mean).T @ (images - mean) / len(images)
    damaged = kept**2 * covariance
    weight = kept * covariance @ torch.linalg.pinv(damaged, hermitian=True)
    return weight, mean - kept * weight @ mean

"""q2: your answer is in float32; it must be in float64"""

import torch


def best_restorer(images, corruption):
    kept = 1 - corruption
    mean = images.mean(dim=0)
    covariance = (images - mean).T @ (images - mean) / len(images)
    damaged = kept**2 * covariance + kept * (1 - kept) * images.square().mean(dim=0).diag()
    weight = kept * covariance @ torch.linalg.pinv(damaged, hermitian=True)
    return weight, mean - kept * weight @ mean

"""q2: you divided by N - 1: each image has the probability 1/N"""

import torch


def best_restorer(images, corruption):
    images, kept = images.double(), 1 - corruption
    mean = images.mean(dim=0)
    covariance = images.T.cov()
    damaged = kept**2 * covariance + kept * (1 - kept) * images.square().mean(dim=0).diag()
    weight = kept * covariance @ torch.linalg.pinv(damaged, hermitian=True)
    return weight, mean - kept * weight @ mean

"""q1: you did not take off the mean before the decomposition"""

import torch


def linear_autoencoder(train, images, code_size):
    axes = torch.linalg.svd(train.double().flatten(1), full_matrices=False).Vh[:code_size]
    reconstruction = (images.double().flatten(1) @ axes.T @ axes).view_as(images)
    return reconstruction, (images - reconstruction).square().flatten(1).sum(dim=1)

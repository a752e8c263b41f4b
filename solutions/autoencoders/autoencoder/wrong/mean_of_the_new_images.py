"""q1: this is the mean of the new images: only the training images count"""

import torch


def linear_autoencoder(train, images, code_size):
    axes = torch.linalg.svd((train - train.double().mean(dim=0)).flatten(1), full_matrices=False).Vh[:code_size]
    mean = images.double().mean(dim=0)
    reconstruction = mean + ((images - mean).flatten(1) @ axes.T @ axes).view_as(images)
    return reconstruction, (images - reconstruction).square().flatten(1).sum(dim=1)

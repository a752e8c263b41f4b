"""q1: you fitted the axes to the new images: only the training images count"""

import torch


def linear_autoencoder(train, images, code_size):
    mean = train.double().mean(dim=0)
    axes = torch.linalg.svd((images - mean).flatten(1), full_matrices=False).Vh[:code_size]
    reconstruction = mean + ((images - mean).flatten(1) @ axes.T @ axes).view_as(images)
    return reconstruction, (images - reconstruction).square().flatten(1).sum(dim=1)

"""q1: you kept the axes with the least variance"""

import torch


def linear_autoencoder(train, images, code_size):
    mean = train.double().mean(dim=0)
    _, axes = torch.linalg.eigh((train - mean).flatten(1).T.cov())  # smallest first
    axes = axes[:, :code_size].T
    reconstruction = mean + ((images - mean).flatten(1) @ axes.T @ axes).view_as(images)
    return reconstruction, (images - reconstruction).square().flatten(1).sum(dim=1)

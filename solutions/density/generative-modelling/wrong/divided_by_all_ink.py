"""q1: you divided by all the ink: each pixel is a coin of its own"""

import math

import torch


def pixel_log_likelihood(train, images, smoothing):
    ink = (train.sum(dim=0) + smoothing) / (train.sum() + smoothing * train.shape[-1])
    nats = (torch.xlogy(images, ink) + torch.xlogy(1 - images, 1 - ink)).sum(dim=-1)
    return nats, -nats / (images.shape[-1] * math.log(2))

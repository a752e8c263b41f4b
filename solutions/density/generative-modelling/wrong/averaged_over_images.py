"""q1: you averaged over the images: give one number for each"""

import math

import torch


def pixel_log_likelihood(train, images, smoothing):
    ink = (train.sum(dim=0) + smoothing) / (len(train) + 2 * smoothing)
    nats = (torch.xlogy(images, ink) + torch.xlogy(1 - images, 1 - ink)).sum(dim=-1).mean()
    return nats, -nats / (images.shape[-1] * math.log(2))

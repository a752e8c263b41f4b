"""q1: you fitted the coins to the images that you score"""

import math

import torch


def pixel_log_likelihood(train, images, smoothing):
    ink = (images.sum(dim=0) + smoothing) / (len(images) + 2 * smoothing)
    nats = (torch.xlogy(images, ink) + torch.xlogy(1 - images, 1 - ink)).sum(dim=-1)
    return nats, -nats / (images.shape[-1] * math.log(2))

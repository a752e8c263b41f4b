"""q1: you multiplied by log 2: divide by it, a bit is 0.69 nats"""

import math

import torch


def pixel_log_likelihood(train, images, smoothing):
    ink = (train.sum(dim=0) + smoothing) / (len(train) + 2 * smoothing)
    nats = (torch.xlogy(images, ink) + torch.xlogy(1 - images, 1 - ink)).sum(dim=-1)
    return nats, -nats * math.log(2) / images.shape[-1]

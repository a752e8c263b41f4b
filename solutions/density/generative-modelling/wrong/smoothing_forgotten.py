"""q1: you forgot the smoothing"""

import math

import torch


def pixel_log_likelihood(train, images, smoothing):
    ink = train.mean(dim=0)
    nats = (torch.xlogy(images, ink) + torch.xlogy(1 - images, 1 - ink)).sum(dim=-1)
    return nats, -nats / (images.shape[-1] * math.log(2))

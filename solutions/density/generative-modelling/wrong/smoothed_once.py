"""q1: a pixel has two outcomes: smoothing adds 2a to N"""

import math

import torch


def pixel_log_likelihood(train, images, smoothing):
    ink = (train.sum(dim=0) + smoothing) / (len(train) + smoothing)
    nats = (torch.xlogy(images, ink) + torch.xlogy(1 - images, 1 - ink)).sum(dim=-1)
    return nats, -nats / (images.shape[-1] * math.log(2))

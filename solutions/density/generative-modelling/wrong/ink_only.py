"""q1: you counted ink only: paper has a probability too"""

import math

import torch


def pixel_log_likelihood(train, images, smoothing):
    ink = (train.sum(dim=0) + smoothing) / (len(train) + 2 * smoothing)
    nats = torch.xlogy(images, ink).sum(dim=-1)
    return nats, -nats / (images.shape[-1] * math.log(2))

"""q1: you averaged over the pixels: nats are summed over them"""

import math

import torch


def pixel_log_likelihood(train, images, smoothing):
    ink = (train.sum(dim=0) + smoothing) / (len(train) + 2 * smoothing)
    nats = (torch.xlogy(images, ink) + torch.xlogy(1 - images, 1 - ink)).mean(dim=-1)
    return nats, -nats / math.log(2)

"""q1: binary_cross_entropy cuts logs off at -100, not at -inf"""

import math

from torch.nn import functional as F


def pixel_log_likelihood(train, images, smoothing):
    ink = (train.sum(dim=0) + smoothing) / (len(train) + 2 * smoothing)
    nats = -F.binary_cross_entropy(ink.expand_as(images), images, reduction="none").sum(dim=-1)
    return nats, -nats / (images.shape[-1] * math.log(2))

"""q1: 0 times log 0 is nan in floats: it must add nothing here"""

import math


def pixel_log_likelihood(train, images, smoothing):
    ink = (train.sum(dim=0) + smoothing) / (len(train) + 2 * smoothing)
    nats = (images * ink.log() + (1 - images) * (1 - ink).log()).sum(dim=-1)
    return nats, -nats / (images.shape[-1] * math.log(2))

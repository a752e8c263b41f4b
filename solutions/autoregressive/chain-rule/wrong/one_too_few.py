"""q2: your hidden units know one pixel too few: they need >=, not >"""

import torch


def masks(order, degrees):
    place = torch.tensor(order).argsort() + 1  # (d,)
    layers = [place, *degrees]
    inner = [above.unsqueeze(1) > below for below, above in zip(layers[:-1], layers[1:], strict=True)]
    last = place.unsqueeze(1) > layers[-1]
    return [*inner, last]

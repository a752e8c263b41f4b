"""q2: order[0] is a pixel, not the place of pixel 0"""

import torch


def masks(order, degrees):
    place = torch.tensor(order) + 1  # (d,)
    layers = [place, *degrees]
    inner = [above.unsqueeze(1) >= below for below, above in zip(layers[:-1], layers[1:], strict=True)]
    last = place.unsqueeze(1) > layers[-1]
    return [*inner, last]

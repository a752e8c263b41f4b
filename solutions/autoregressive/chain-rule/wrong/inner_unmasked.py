"""q2: between hidden layers a mask is needed too"""

import torch


def masks(order, degrees):
    place = torch.tensor(order).argsort() + 1  # (d,)
    layers = [place, *degrees]
    inner = [above.unsqueeze(1) >= below for below, above in zip(layers[:-1], layers[1:], strict=True)]
    inner[1:] = [torch.ones_like(mask) for mask in inner[1:]]
    last = place.unsqueeze(1) > layers[-1]
    return [*inner, last]

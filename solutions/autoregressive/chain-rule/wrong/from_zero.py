"""q2: count the places from one: a unit of degree m knows m pixels"""

import torch


def masks(order, degrees):
    place = torch.tensor(order).argsort()  # (d,)
    layers = [place, *degrees]
    inner = [above.unsqueeze(1) >= below for below, above in zip(layers[:-1], layers[1:], strict=True)]
    last = place.unsqueeze(1) > layers[-1]
    return [*inner, last]

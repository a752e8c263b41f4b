"""q2: your masks are transposed: units above by units below"""

import torch


def masks(order, degrees):
    place = torch.tensor(order).argsort() + 1  # (d,)
    layers = [place, *degrees]
    inner = [above.unsqueeze(1) >= below for below, above in zip(layers[:-1], layers[1:], strict=True)]
    last = place.unsqueeze(1) > layers[-1]
    return [mask.mT for mask in (*inner, last)]

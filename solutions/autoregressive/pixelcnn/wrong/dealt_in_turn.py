"""q1: you dealt the features out in turn: first all of R's, then all of G's"""

import torch


def kernel_mask(kind, outputs, inputs, rows, columns):
    own = (torch.arange(sum(outputs)) % len(outputs)).unsqueeze(1)  # (O, 1)
    other = torch.arange(sum(inputs)) % len(inputs)  # (I,)
    mask = torch.zeros(len(own), len(other), rows, columns, dtype=torch.bool)
    mask[:, :, : rows // 2] = True
    mask[:, :, rows // 2, : columns // 2] = True
    mask[:, :, rows // 2, columns // 2] = own > other if kind == "A" else own >= other
    return mask

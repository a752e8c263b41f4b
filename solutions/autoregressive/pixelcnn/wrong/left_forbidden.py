"""q1: what is left of the middle, in its own row, is drawn already"""

import torch


def kernel_mask(kind, outputs, inputs, rows, columns):
    own = torch.arange(len(outputs)).repeat_interleave(torch.tensor(outputs)).unsqueeze(1)  # (O, 1)
    other = torch.arange(len(inputs)).repeat_interleave(torch.tensor(inputs))  # (I,)
    mask = torch.zeros(len(own), len(other), rows, columns, dtype=torch.bool)
    mask[:, :, : rows // 2] = True
    mask[:, :, rows // 2, : columns // 2] = False
    mask[:, :, rows // 2, columns // 2] = own > other if kind == "A" else own >= other
    return mask

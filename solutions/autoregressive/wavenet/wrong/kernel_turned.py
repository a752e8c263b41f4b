"""q2: your kernel is turned round: its last entry belongs to the newest input"""

import torch


def step(x, queue, weight, bias, mix, dilation):
    window = torch.cat([queue, x.unsqueeze(-1)], dim=-1)  # (B, C, (K - 1) * dilation + 1)
    a = torch.einsum("bik,oik->bo", window[..., ::dilation].flip(-1), weight) + bias  # (B, 2 C)
    signal, gate = a.chunk(2, dim=-1)
    y = x + (signal.tanh() * gate.sigmoid()) @ mix.mT
    return y, window[..., 1:]

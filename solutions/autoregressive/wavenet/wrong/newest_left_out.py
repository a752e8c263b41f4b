"""q2: you are one step late: the newest input counts"""

import torch


def step(x, queue, weight, bias, mix, dilation):
    window = torch.cat([queue, x.unsqueeze(-1)], dim=-1)  # (B, C, (K - 1) * dilation + 1)
    late = torch.cat([torch.zeros_like(window[..., :1]), window[..., :-1]], dim=-1)
    a = torch.einsum("bik,oik->bo", late[..., ::dilation], weight) + bias  # (B, 2 C)
    signal, gate = a.chunk(2, dim=-1)
    y = x + (signal.tanh() * gate.sigmoid()) @ mix.mT
    return y, window[..., 1:]

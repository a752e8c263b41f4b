"""q1: your discriminator goes down: it wants V large"""

import torch


def one_round(a, b, c, eta, order):
    n, m = b.shape[-2:]
    stay_n, stay_m = torch.eye(n).to(b).expand_as(a), torch.eye(m).to(b).expand_as(c)
    generator = torch.cat([stay_n - eta * a, -eta * b], dim=-1)
    discriminator = torch.cat([-eta * b.mT, stay_m + eta * c], dim=-1)
    if order == "alternating":
        seen = torch.cat([torch.cat([stay_n, torch.zeros_like(b)], dim=-1), discriminator], dim=-2)
        generator = generator @ seen
    matrix = torch.cat([generator, discriminator], dim=-2)
    return matrix, torch.linalg.eigvals(matrix).abs().amax(dim=-1)

"""q1: you mixed the vectors themselves: mix directions, and the lengths apart"""

import torch


def walk(a, b, t):
    t = t.unsqueeze(-1)
    u, v = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    angle = (u * v).sum(dim=-1, keepdim=True).clamp(-1, 1).acos().unsqueeze(-2)
    near = angle < 1e-4
    angle = torch.where(near, 1.0, angle)
    first = torch.where(near, 1 - t, ((1 - t) * angle).sin() / angle.sin())
    second = torch.where(near, t, (t * angle).sin() / angle.sin())
    return first * a.unsqueeze(-2) + second * b.unsqueeze(-2)

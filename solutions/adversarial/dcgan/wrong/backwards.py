"""q1: your walk begins at b: t = 0 is a"""

import torch


def walk(a, b, t):
    a, b = b, a
    t = t.unsqueeze(-1)
    length_a, length_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    u, v = a / length_a, b / length_b
    angle = (u * v).sum(dim=-1, keepdim=True).clamp(-1, 1).acos().unsqueeze(-2)
    near = angle < 1e-4
    angle = torch.where(near, 1.0, angle)
    first = torch.where(near, 1 - t, ((1 - t) * angle).sin() / angle.sin())
    second = torch.where(near, t, (t * angle).sin() / angle.sin())
    direction = first * u.unsqueeze(-2) + second * v.unsqueeze(-2)
    return ((1 - t) * length_a.unsqueeze(-2) + t * length_b.unsqueeze(-2)) * direction

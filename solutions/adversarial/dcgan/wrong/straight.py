"""q1: you walked straight: half-way that is shorter than any draw"""


def walk(a, b, t):
    t = t.unsqueeze(-1)
    return (1 - t) * a.unsqueeze(-2) + t * b.unsqueeze(-2)

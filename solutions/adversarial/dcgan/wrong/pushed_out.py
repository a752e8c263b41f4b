"""q1: you pushed the straight path out to its length: the angle must grow evenly"""


def walk(a, b, t):
    t = t.unsqueeze(-1)
    u, v = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    direction = (1 - t) * u.unsqueeze(-2) + t * v.unsqueeze(-2)
    length = (1 - t) * a.norm(dim=-1, keepdim=True).unsqueeze(-2) + t * b.norm(dim=-1, keepdim=True).unsqueeze(-2)
    return length * direction / direction.norm(dim=-1, keepdim=True)

"""q1: equal directions: the sine of no angle is zero, and zero by zero is no number"""


def walk(a, b, t):
    t = t.unsqueeze(-1)
    length_a, length_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    u, v = a / length_a, b / length_b
    angle = (u * v).sum(dim=-1, keepdim=True).clamp(-1, 1).acos().unsqueeze(-2)
    direction = ((1 - t) * angle).sin() * u.unsqueeze(-2) + (t * angle).sin() * v.unsqueeze(-2)
    return ((1 - t) * length_a.unsqueeze(-2) + t * length_b.unsqueeze(-2)) * direction / angle.sin()

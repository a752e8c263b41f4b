"""q1: you averaged over pairs: a point counts once, however many balls it is in"""


def precision_recall(real, generated, between, k):
    radius_real = real.kthvalue(k + 1, dim=-1).values
    radius_generated = generated.kthvalue(k + 1, dim=-1).values
    in_real = (between <= radius_real.unsqueeze(-1)).to(between.dtype)
    in_generated = (between <= radius_generated.unsqueeze(-2)).to(between.dtype)
    return in_real.mean(dim=(-1, -2)), in_generated.mean(dim=(-1, -2))

"""q1: each point is its own nearest neighbour, at distance 0: it does not count among the k"""


def precision_recall(real, generated, between, k):
    radius_real = real.kthvalue(k, dim=-1).values
    radius_generated = generated.kthvalue(k, dim=-1).values
    in_real = (between <= radius_real.unsqueeze(-1)).any(dim=-2)
    in_generated = (between <= radius_generated.unsqueeze(-2)).any(dim=-1)
    return in_real.to(between.dtype).mean(dim=-1), in_generated.to(between.dtype).mean(dim=-1)

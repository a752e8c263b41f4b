"""q1: a ball reaches to the k-th neighbour, not to the mean distance of the k nearest"""


def precision_recall(real, generated, between, k):
    radius_real = real.sort(dim=-1).values[..., 1 : k + 1].mean(dim=-1)
    radius_generated = generated.sort(dim=-1).values[..., 1 : k + 1].mean(dim=-1)
    in_real = (between <= radius_real.unsqueeze(-1)).any(dim=-2)
    in_generated = (between <= radius_generated.unsqueeze(-2)).any(dim=-1)
    return in_real.to(between.dtype).mean(dim=-1), in_generated.to(between.dtype).mean(dim=-1)

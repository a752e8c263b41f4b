"""q1: precision and recall are exchanged"""


def precision_recall(real, generated, between, k):
    radius_real = real.kthvalue(k + 1, dim=-1).values
    radius_generated = generated.kthvalue(k + 1, dim=-1).values
    in_real = (between <= radius_real.unsqueeze(-1)).any(dim=-2)
    in_generated = (between <= radius_generated.unsqueeze(-2)).any(dim=-1)
    return in_generated.to(between.dtype).mean(dim=-1), in_real.to(between.dtype).mean(dim=-1)

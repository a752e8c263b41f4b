"""q2: you averaged logs: take the log of the mean"""

import math


def leave_group_out(x, group, bandwidth):
    d = x.shape[-1]
    h = bandwidth.view(-1, 1, 1)  # (H, 1, 1)
    squared_distance = (x.unsqueeze(1) - x).square().sum(dim=-1)  # (N, N)
    log_kernel = -0.5 * squared_distance / h.square() - d * (h.log() + 0.5 * math.log(2 * math.pi))  # (H, N, N)
    own = group.unsqueeze(1) == group  # (N, N)
    others = (~own).sum(dim=-1).to(x)  # (N,)
    return log_kernel.masked_fill(own, 0.0).sum(dim=-1) / others  # (H, N)

"""q2: an equal point of another group counts"""

import math


def leave_group_out(x, group, bandwidth):
    d = x.shape[-1]
    h = bandwidth.view(-1, 1, 1)  # (H, 1, 1)
    squared_distance = (x.unsqueeze(1) - x).square().sum(dim=-1)  # (N, N)
    log_kernel = -0.5 * squared_distance / h.square() - d * (h.log() + 0.5 * math.log(2 * math.pi))  # (H, N, N)
    own = (group.unsqueeze(1) == group) | (squared_distance == 0)  # (N, N)
    others = (~own).sum(dim=-1).to(x)  # (N,)
    return log_kernel.masked_fill(own, -math.inf).logsumexp(dim=-1) - others.log()  # (H, N)

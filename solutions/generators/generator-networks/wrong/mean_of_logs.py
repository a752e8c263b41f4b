"""q2: you averaged the logarithms: average the densities"""

from torch.distributions import Normal


def marginal(x, nodes, weights, mean, scale):
    per_node = Normal(mean, scale).log_prob(x.unsqueeze(1)).sum(dim=-1)  # (B, K)
    log_joint = weights.log() + per_node  # (B, K)
    return (weights * per_node).sum(dim=1), log_joint.softmax(dim=1) @ nodes

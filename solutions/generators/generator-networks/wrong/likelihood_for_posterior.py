"""q2: the probability of a node given x has its weight in it too"""

from torch.distributions import Normal


def marginal(x, nodes, weights, mean, scale):
    per_node = Normal(mean, scale).log_prob(x.unsqueeze(1)).sum(dim=-1)  # (B, K)
    log_joint = weights.log() + per_node  # (B, K)
    return log_joint.logsumexp(dim=1), per_node.softmax(dim=1) @ nodes

"""q2: this is the likeliest node: give the mean over all of them"""

from torch.distributions import Normal


def marginal(x, nodes, weights, mean, scale):
    per_node = Normal(mean, scale).log_prob(x.unsqueeze(1)).sum(dim=-1)  # (B, K)
    log_joint = weights.log() + per_node  # (B, K)
    return log_joint.logsumexp(dim=1), nodes[log_joint.argmax(dim=1)]

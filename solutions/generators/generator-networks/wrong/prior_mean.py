"""q2: you averaged the nodes by their weights: Bayes' rule makes that depend on x"""

from torch.distributions import Normal


def marginal(x, nodes, weights, mean, scale):
    per_node = Normal(mean, scale).log_prob(x.unsqueeze(1)).sum(dim=-1)  # (B, K)
    log_joint = weights.log() + per_node  # (B, K)
    return log_joint.logsumexp(dim=1), (weights @ nodes).expand(len(x), -1)

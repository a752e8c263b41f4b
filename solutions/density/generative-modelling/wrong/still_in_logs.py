"""q2: these are logs of probabilities"""

import torch


def posterior_and_completion(images, visible, share, ink):
    x = images.unsqueeze(1)
    log_pixel = x * ink.log() + (1 - x) * (-ink).log1p()
    log_joint = share.log() + log_pixel.where(visible.unsqueeze(1), 0).sum(dim=-1)
    log_posterior = log_joint.log_softmax(dim=-1)
    return log_posterior, torch.where(visible, images, log_posterior.exp() @ ink)

"""q2: visible pixels are known: keep them"""


def posterior_and_completion(images, visible, share, ink):
    x = images.unsqueeze(1)
    log_pixel = x * ink.log() + (1 - x) * (-ink).log1p()
    log_joint = share.log() + log_pixel.where(visible.unsqueeze(1), 0).sum(dim=-1)
    posterior = log_joint.softmax(dim=-1)
    return posterior, posterior @ ink

"""q1: you summed over the examples: an expectation is a mean"""

from torch.nn.functional import softplus


def player_losses(real, fake, game):
    discriminator = softplus(-real).sum(dim=-1) + softplus(fake).sum(dim=-1)
    generator = -softplus(fake).sum(dim=-1) if game == "minimax" else softplus(-fake).sum(dim=-1)
    return discriminator, generator

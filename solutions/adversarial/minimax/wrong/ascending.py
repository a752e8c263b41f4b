"""q1: the discriminator's loss is V: it is minimised, so it must be -V"""

from torch.nn.functional import softplus


def player_losses(real, fake, game):
    discriminator = -softplus(-real).mean(dim=-1) - softplus(fake).mean(dim=-1)
    generator = -softplus(fake).mean(dim=-1) if game == "minimax" else softplus(-fake).mean(dim=-1)
    return discriminator, generator

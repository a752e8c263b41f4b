"""q1: you took one mean over real and fake together: each expectation has its own"""

from torch.nn.functional import softplus


def player_losses(real, fake, game):
    total = softplus(-real).sum(dim=-1) + softplus(fake).sum(dim=-1)
    discriminator = total / (real.shape[-1] + fake.shape[-1])
    generator = -softplus(fake).mean(dim=-1) if game == "minimax" else softplus(-fake).mean(dim=-1)
    return discriminator, generator

"""q1: a sigmoid, then a logarithm: D rounds to 0 or 1; stay with the logits"""


def player_losses(real, fake, game):
    d_real, d_fake = real.sigmoid(), fake.sigmoid()
    discriminator = -d_real.log().mean(dim=-1) - (1 - d_fake).log().mean(dim=-1)
    generator = (1 - d_fake).log().mean(dim=-1) if game == "minimax" else -d_fake.log().mean(dim=-1)
    return discriminator, generator

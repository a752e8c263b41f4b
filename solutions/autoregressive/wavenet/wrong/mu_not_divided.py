"""q1: undo the factor mu too: level 255 is the amplitude 1"""

import math


def encode(x, levels):
    mu = levels - 1
    x = x.clamp(-1, 1)
    bent = x.sign() * (mu * x.abs()).log1p() / math.log1p(mu)
    return ((bent + 1) / 2 * mu).round().long()


def decode(level, levels):
    mu = levels - 1
    bent = 2 * level.double() / mu - 1
    return (bent.sign() * (bent.abs() * math.log1p(mu)).expm1()).float()

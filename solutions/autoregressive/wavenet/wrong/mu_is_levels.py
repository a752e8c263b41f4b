"""q1: mu is one less than the number of levels"""

import math


def encode(x, levels):
    mu = levels
    x = x.clamp(-1, 1)
    bent = x.sign() * (mu * x.abs()).log1p() / math.log1p(mu)
    return ((bent + 1) / 2 * (levels - 1)).round().long()


def decode(level, levels):
    mu = levels
    bent = 2 * level.double() / (levels - 1) - 1
    return (bent.sign() * (bent.abs() * math.log1p(mu)).expm1() / mu).float()

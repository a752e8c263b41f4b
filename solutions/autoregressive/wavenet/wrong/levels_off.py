"""q1: the first level stands at -1 and the last one at 1: there are levels - 1 steps between them"""

import math


def encode(x, levels):
    mu = levels - 1
    x = x.clamp(-1, 1)
    bent = x.sign() * (mu * x.abs()).log1p() / math.log1p(mu)
    return ((bent + 1) / 2 * mu).round().long()


def decode(level, levels):
    mu = levels - 1
    bent = 2 * level.double() / levels - 1
    return (bent.sign() * (bent.abs() * math.log1p(mu)).expm1() / mu).float()

"""q1: the last level is levels - 1: there is no level of that number"""

import math


def encode(x, levels):
    mu = levels - 1
    x = x.clamp(-1, 1)
    bent = x.sign() * (mu * x.abs()).log1p() / math.log1p(mu)
    return ((bent + 1) / 2 * levels).round().long()


def decode(level, levels):
    mu = levels - 1
    bent = 2 * level.double() / mu - 1
    return (bent.sign() * (bent.abs() * math.log1p(mu)).expm1() / mu).float()

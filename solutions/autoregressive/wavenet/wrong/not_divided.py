"""q1: divide the logarithm by log(1 + mu), so that F(1) is 1"""

import math


def encode(x, levels):
    mu = levels - 1
    x = x.clamp(-1, 1)
    bent = x.sign() * (mu * x.abs()).log1p()
    return ((bent + 1) / 2 * mu).round().long()


def decode(level, levels):
    mu = levels - 1
    bent = 2 * level.double() / mu - 1
    return (bent.sign() * (bent.abs() * math.log1p(mu)).expm1() / mu).float()

"""q1: you left F out: the levels divide F evenly, not the amplitudes"""

import math


def encode(x, levels):
    mu = levels - 1
    x = x.clamp(-1, 1)
    bent = x
    return ((bent + 1) / 2 * mu).round().long()


def decode(level, levels):
    mu = levels - 1
    bent = 2 * level.double() / mu - 1
    return (bent.sign() * (bent.abs() * math.log1p(mu)).expm1() / mu).float()

"""q2: you left the gain out"""


def fold(weight, bias, mean, variance, gain, shift, epsilon):
    scale = 1 / (variance + epsilon).sqrt()  # (O,)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 2)), (bias - mean) * scale + shift

"""q2: you lost the convolution's own bias"""


def fold(weight, bias, mean, variance, gain, shift, epsilon):
    scale = gain / (variance + epsilon).sqrt()  # (O,)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 2)), shift - mean * scale

"""q2: the convolution's own bias is normalised too: scale it"""


def fold(weight, bias, mean, variance, gain, shift, epsilon):
    scale = gain / (variance + epsilon).sqrt()  # (O,)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 2)), bias - mean * scale + shift

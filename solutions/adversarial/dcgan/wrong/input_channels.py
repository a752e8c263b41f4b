"""q2: you scaled the input channels: the output channels are the second axis"""


def fold(weight, bias, mean, variance, gain, shift, epsilon):
    scale = gain / (variance + epsilon).sqrt()  # (O,)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), (bias - mean) * scale + shift

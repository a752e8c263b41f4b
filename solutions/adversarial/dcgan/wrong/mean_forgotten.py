"""q2: you did not take the mean away"""


def fold(weight, bias, mean, variance, gain, shift, epsilon):
    scale = gain / (variance + epsilon).sqrt()  # (O,)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 2)), bias * scale + shift

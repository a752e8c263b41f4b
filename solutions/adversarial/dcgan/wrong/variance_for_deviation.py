"""q2: you divided by the variance: divide by its root"""


def fold(weight, bias, mean, variance, gain, shift, epsilon):
    scale = gain / (variance + epsilon)  # (O,)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 2)), (bias - mean) * scale + shift

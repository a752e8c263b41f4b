"""q2: epsilon belongs under the root"""


def fold(weight, bias, mean, variance, gain, shift, epsilon):
    scale = gain / (variance.sqrt() + epsilon)  # (O,)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 2)), (bias - mean) * scale + shift

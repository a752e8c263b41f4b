"""q2: epsilon is missing: a channel that never changed has no variance"""


def fold(weight, bias, mean, variance, gain, shift, epsilon):
    scale = gain / variance.sqrt()  # (O,)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 2)), (bias - mean) * scale + shift

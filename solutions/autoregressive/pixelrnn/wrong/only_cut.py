"""q1: unskew must move the rows back before it cuts"""


def skew(x, slope):
    height, width = x.shape[-2:]
    skewed = x.new_zeros(*x.shape[:-1], width + slope * (height - 1))
    for i in range(height):
        skewed[..., i, slope * i : slope * i + width] = x[..., i, :]
    return skewed


def unskew(skewed, slope):
    width = skewed.shape[-1] - slope * (skewed.shape[-2] - 1)
    return skewed[..., :width]

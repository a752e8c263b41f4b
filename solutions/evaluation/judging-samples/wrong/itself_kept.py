"""q2: you kept the pairs of a point with itself: that is the biased estimate"""


def kernel_distance(x, y):
    def kernel(a, b):
        return (a @ b.transpose(-1, -2) / a.shape[-1] + 1) ** 3

    return kernel(x, x).mean((-1, -2)) + kernel(y, y).mean((-1, -2)) - 2 * kernel(x, y).mean((-1, -2))

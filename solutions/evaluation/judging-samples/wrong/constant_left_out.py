"""q2: the kernel lacks its constant: without it the second moments go unseen"""


def kernel_distance(x, y):
    def kernel(a, b):
        return (a @ b.transpose(-1, -2) / a.shape[-1]) ** 3

    def within(a):
        table, n = kernel(a, a), a.shape[-2]
        return (table.sum((-1, -2)) - table.diagonal(dim1=-2, dim2=-1).sum(-1)) / (n * (n - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean((-1, -2))

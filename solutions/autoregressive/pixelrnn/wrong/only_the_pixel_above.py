"""q2: the kernel sees more than the one pixel above"""

from torch.nn.functional import conv1d


def next_row(from_input, hidden, cell, weight):
    middle = weight[:, :, weight.shape[-1] // 2, None]
    gates = from_input + conv1d(hidden, middle)  # (B, 4 n, W)
    o, f, i, g = gates.chunk(4, dim=1)
    new_cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * new_cell.tanh(), new_cell

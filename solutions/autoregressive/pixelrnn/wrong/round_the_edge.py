"""q2: beyond both ends of the row there are zeros"""

from torch.nn.functional import conv1d, pad


def next_row(from_input, hidden, cell, weight):
    side = weight.shape[-1] // 2
    around = pad(hidden, (side, side), mode="circular")
    gates = from_input + conv1d(around, weight)  # (B, 4 n, W)
    o, f, i, g = gates.chunk(4, dim=1)
    new_cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * new_cell.tanh(), new_cell

"""q2: the row above is complete: its right part needs no mask"""

from torch.nn.functional import conv1d


def next_row(from_input, hidden, cell, weight):
    masked = weight.clone()
    masked[:, :, weight.shape[-1] // 2 + 1 :] = 0.0
    gates = from_input + conv1d(hidden, masked, padding=weight.shape[-1] // 2)  # (B, 4 n, W)
    o, f, i, g = gates.chunk(4, dim=1)
    new_cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * new_cell.tanh(), new_cell

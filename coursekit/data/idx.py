"""The file format of MNIST and of Fashion-MNIST."""

import struct

import numpy
from numpy.typing import NDArray


def read_idx(contents: bytes) -> NDArray[numpy.uint8]:
    """The array of bytes in an idx file, of the shape that its head states.

    Raises ``ValueError`` where the head is not that of an idx file of bytes or the length is not the one it states.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats".
    """
    if len(contents) < 4 or contents[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"contents must start as an idx file of bytes does (00 00 08), not with {contents[:3].hex(' ')!r}"
        )
    dimensions = contents[3]
    head = 4 + 4 * dimensions
    if len(contents) < head:
        raise ValueError(f"contents must hold a head of {head} bytes and are {len(contents)} bytes long")
    shape = struct.unpack(f">{dimensions}I", contents[4:head])
    size = head + int(numpy.prod(shape, dtype=numpy.int64))
    if len(contents) != size:
        raise ValueError(f"contents must be {size} bytes long for the shape {shape} and are {len(contents)} bytes long")
    return numpy.frombuffer(contents, dtype=numpy.uint8, offset=head).reshape(shape)

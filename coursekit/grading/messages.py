"""What crosses between the graded tests and a submission: JSON for the structure, safetensors for the arrays.

A frame is two lengths (unsigned, four bytes each, big-endian), then that many bytes of JSON and of safetensors. Nothing
in it is ever executed or unpickled, and its size is known before it is read. Both sides use this module; what comes
from a submission is only believed to be bytes.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import load, save

LENGTHS = struct.Struct(">II")
DEPTH = 50
"""How deeply lists and dictionaries may lie in each other."""
STRUCTURE = 2**20
"""Bytes of an answer that are not array data."""
TEXT = 500
"""Characters of a message that are kept."""


class ProtocolError(Exception):
    """What came is no frame, or not the answer that is due."""


class Encoder:
    """Turns values into JSON and arrays; functions and objects are kept here and go as numbers."""

    def __init__(self, reference: Callable[[Any], dict[str, Any]]) -> None:
        self.reference = reference
        self.arrays: dict[str, np.ndarray] = {}

    def encode(self, value: Any, depth: int = 0) -> Any:
        """A value as JSON."""
        if depth > DEPTH:
            raise TypeError(f"lists lie more than {DEPTH} deep in each other")
        if isinstance(value, np.ndarray | np.generic):
            return {"array": self.array(value)}
        if isinstance(value, list | tuple):
            return {type_name(value): [self.encode(item, depth + 1) for item in value]}
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise TypeError("the keys of a dictionary must be text")
            return {"dict": {key: self.encode(item, depth + 1) for key, item in value.items()}}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        return self.reference(value)

    def array(self, value: np.ndarray | np.generic) -> str:
        """Keep an array; its name."""
        array = np.array(value, order="C")
        if array.dtype.kind not in "biufc":
            raise TypeError(f"an array of {array.dtype} cannot be sent")
        name = str(len(self.arrays))
        self.arrays[name] = array.astype(array.dtype.newbyteorder("="))
        return name


def type_name(value: list[Any] | tuple[Any, ...]) -> str:
    """How a sequence is marked, so that a tuple comes back as a tuple."""
    return "tuple" if isinstance(value, tuple) else "list"


def decode(value: Any, arrays: dict[str, Any], reference: Callable[[str, Any], Any], depth: int = 0) -> Any:
    """What `Encoder.encode` was given; ``reference`` makes something of the numbers of functions and objects."""
    if depth > DEPTH:
        raise ProtocolError("lists lie too deep in each other")
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ProtocolError("a bare list")
        return value
    if len(value) != 1:
        raise ProtocolError("not exactly one kind of value")
    ((kind, content),) = value.items()
    if kind == "array" and isinstance(content, str) and content in arrays:
        return arrays[content]
    if kind in ("list", "tuple") and isinstance(content, list):
        items = [decode(item, arrays, reference, depth + 1) for item in content]
        return tuple(items) if kind == "tuple" else items
    if kind == "dict" and isinstance(content, dict):
        return {key: decode(item, arrays, reference, depth + 1) for key, item in content.items()}
    return reference(kind, content)


def frame(message: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> bytes:
    """One frame."""
    text = json.dumps(message).encode("ascii")
    data = save(arrays) if arrays else b""
    return LENGTHS.pack(len(text), len(data)) + text + data


class Channel:
    """Frames over a socket, each with a deadline and a largest size.

    ``structure`` is the largest size of what is not array data: small text can become many Python objects.
    """

    def __init__(self, connection: socket.socket, largest: int, structure: int) -> None:
        self.connection = connection
        self.largest = largest
        self.structure = structure

    def send(self, content: bytes, deadline: float | None = None) -> None:
        """Write a frame. TimeoutError after the deadline (of `time.monotonic`), OSError when the other end is gone."""
        self.connection.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
        self.connection.sendall(content)  # its time limit is for all of it

    def receive(self, deadline: float | None = None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Read a frame: its JSON and its arrays. Raises as `send`, EOFError at the end, ProtocolError for garbage."""
        text_length, data_length = LENGTHS.unpack(self._exactly(LENGTHS.size, deadline))
        if text_length + data_length > self.largest:
            raise ProtocolError(f"a frame of {text_length + data_length} bytes; at most {self.largest} are allowed")
        if text_length > self.structure:
            raise ProtocolError(f"{text_length} bytes of JSON; at most {self.structure} are allowed")
        text, data = self._exactly(text_length, deadline), self._exactly(data_length, deadline)
        if int.from_bytes(data[:8], "little") > self.structure:  # where safetensors says how long its own JSON is
            raise ProtocolError(f"arrays described in more than {self.structure} bytes")
        try:
            message, arrays = json.loads(text), load(data) if data else {}
        except Exception as error:  # the parsers' errors have no common base, RecursionError among them
            raise ProtocolError(f"unreadable ({type(error).__name__})") from None
        if not isinstance(message, dict):
            raise ProtocolError("the message is not an object")
        return message, arrays

    def _exactly(self, length: int, deadline: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                raise TimeoutError
            self.connection.settimeout(remaining)
            part = self.connection.recv(min(length - len(parts), 2**20))  # `recv` drops any descriptors sent along
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)


def clean(text: Any, length: int = TEXT) -> str:
    """Text from a submission, fit for a terminal, a table and a page: printable lines, bounded."""
    if not isinstance(text, str):
        return ""
    kept = "".join(mark if mark.isprintable() or mark == "\n" else "\ufffd" for mark in text[:length])
    return kept.encode("utf-8", "replace").decode("utf-8")

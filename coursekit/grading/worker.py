"""Runs a submission and answers for it. The submission shares this process: nothing that it says is believed.

Requests come one at a time. ``load`` runs the notebook's code cells; ``seed`` seeds the global random generators;
``get`` and ``call`` reach a name of the notebook, or an attribute of an object that an earlier answer kept here. Arrays
become torch tensors on the way in, tensors become arrays on the way out. A function among the arguments stays with the
graded test: calling it sends ``ask`` and waits for what the test's side makes of it.
"""

from __future__ import annotations

import linecache
import random
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from coursekit.grading.messages import LENGTHS, STRUCTURE, TEXT, Channel, Encoder, decode, frame


class Worker:
    """One submission at the end of a channel."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.namespace: dict[str, Any] = {}
        self.kept: list[Any] = []  # objects that the tests have handles of

    def serve(self) -> None:
        """Answer until the channel is closed."""
        while True:
            try:
                request, arrays = self.channel.receive()
            except EOFError:
                return
            try:
                answer = getattr(self, f"do_{request['do']}")(request, arrays)
            except BaseException as error:  # SystemExit too: a submission may raise what it likes
                answer = self.frame({"error": described(error), "number": request["number"]})
            self.channel.send(answer)

    def do_load(self, request: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
        """Run all cells as JupyterLab does, but go on after an error; the errors."""
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module  # where the notebook's classes and functions say they are from
        self.namespace = module.__dict__
        errors = []
        for number, source in enumerate(request["cells"], start=1):
            name = f"<cell {number}>"
            try:
                code, source = compiled(source, name)
                linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for `inspect`
                exec(code, self.namespace)
            except BaseException as error:
                errors.append({"cell": number, **described(error)})
        return self.frame({"errors": errors, "number": request["number"]})

    def do_seed(self, request: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
        """Seed the global generators, so that the same submission gets the same marks."""
        seed = request["seed"]
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the one that a submission may use
        torch.manual_seed(seed)
        return self.frame({"number": request["number"]})

    def do_get(self, request: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
        """A name of the notebook, or an attribute of a kept object."""
        name = request["name"]
        if request["object"] is not None:
            return self.result(request, getattr(self.kept[request["object"]], name))
        if name not in self.namespace:
            raise NameError(f"the notebook defines no {name}")
        return self.result(request, self.namespace[name])

    def do_call(self, request: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
        """Call a kept object."""
        given = [decode(value, arrays, self.own) for value in request["arguments"]]
        named = {name: decode(value, arrays, self.own) for name, value in request["named"].items()}
        copies: list[tuple[np.ndarray, torch.Tensor]] = []
        given = [tensors(value, copies) for value in given]
        named = {name: tensors(value, copies) for name, value in named.items()}
        value = self.kept[request["object"]](*given, **named)
        if any(tensor.detach().numpy().tobytes() != array.tobytes() for array, tensor in copies):
            raise TypeError("it changed its arguments in place: return new tensors and leave what is given as it was")
        return self.result(request, value)

    def own(self, kind: str, number: int) -> Any:
        """A kept object, or a function that stays with the test."""
        return self.kept[number] if kind == "object" else self.asking(number)

    def asking(self, number: int) -> Callable[..., Any]:
        """A function of the test's."""

        def ask(*arguments: Any) -> Any:
            encoder = Encoder(self.keep)
            encoded = [encoder.encode(plain(argument)) for argument in arguments]
            self.channel.send(frame({"ask": number, "arguments": encoded}, encoder.arrays))
            answer, arrays = self.channel.receive()
            if "error" in answer:
                raise ValueError(answer["error"])
            return tensors(decode(answer["result"], arrays, self.own), [])

        return ask

    def keep(self, value: Any) -> dict[str, Any]:
        """An object that cannot be sent stays here; the test gets a handle."""
        self.kept.append(value)
        return {"object": len(self.kept) - 1}

    def result(self, request: dict[str, Any], value: Any) -> bytes:
        """The answer with a value."""
        encoder = Encoder(self.keep)
        content = frame({"number": request["number"], "result": encoder.encode(plain(value))}, encoder.arrays)
        structure, _ = LENGTHS.unpack_from(content)
        if len(content) > self.channel.largest or structure > STRUCTURE:
            raise ValueError(
                f"its answer takes {len(content)} bytes; at most {self.channel.largest} can be sent, and {STRUCTURE} "
                "besides tensors"
            )
        return content

    @staticmethod
    def frame(message: dict[str, Any]) -> bytes:
        """An answer without arrays."""
        return frame(message)


def compiled(source: str, name: str) -> tuple[Any, str]:
    """The code of a cell; lines for IPython, which Python cannot read, are left out."""
    try:
        return compile(source, name, "exec"), source
    except SyntaxError:
        lines = ["pass" if line.lstrip()[:1] in ("%", "!", "?") else line for line in source.splitlines()]
        source = "\n".join(lines)
        return compile(source, name, "exec"), source


def described(error: BaseException) -> dict[str, str]:
    """An exception in words; even its text is the submission's own code."""
    try:
        text = str(error)[:TEXT]
    except BaseException:
        text = ""
    return {"type": type(error).__name__[:100], "text": text}


def plain(value: Any) -> Any:
    """Tensors as arrays, also inside tuples, lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().resolve_conj().resolve_neg().numpy()
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def tensors(value: Any, copies: list[tuple[np.ndarray, torch.Tensor]]) -> Any:
    """Arrays as tensors, also inside tuples, lists and dictionaries; each is noted in ``copies``."""
    if isinstance(value, np.ndarray):
        tensor = torch.from_numpy(value.copy())
        copies.append((value, tensor))
        return tensor
    if isinstance(value, tuple):
        return tuple(tensors(item, copies) for item in value)
    if isinstance(value, list):
        return [tensors(item, copies) for item in value]
    if isinstance(value, dict):
        return {key: tensors(item, copies) for key, item in value.items()}
    return value

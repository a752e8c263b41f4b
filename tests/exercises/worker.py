"""The process that runs submissions: a stand-in that keeps nothing out. Only for our own masters and wrong answers.

It reads one JSON request a line and answers each with one line: ``{"load": [cells]}`` runs the cells in a fresh
namespace and returns what each printed; ``{"call": name, "arguments": [...]}`` calls one of its functions with torch
tensors. A function among the arguments stays with the caller: to call it, the worker sends ``{"ask": number,
"arguments": [...]}`` and reads the result.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import torch

from tests.exercises.messages import decode, encode


class Worker:
    """One submission at a time, at the end of two pipes."""

    def __init__(self, requests: Any, answers: Any) -> None:
        self.requests = requests
        self.answers = answers
        self.namespace: dict[str, Any] = {}

    def serve(self) -> None:
        """Answer until the requests end."""
        for line in self.requests:
            request = json.loads(line)
            try:
                self.send({"result": self.load(request["load"]) if "load" in request else self.call(request)})
            except Exception as error:
                self.send({"error": f"{type(error).__name__}: {error}"})

    def send(self, message: dict[str, Any]) -> None:
        """Write one message."""
        self.answers.write(json.dumps(message) + "\n")
        self.answers.flush()

    def load(self, cells: list[str]) -> list[str]:
        """Run all cells, as a notebook that goes on after an error; what each printed."""
        self.namespace = {"__name__": "__main__"}
        printed = []
        for number, source in enumerate(cells):
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                try:
                    exec(compile(source, f"<cell {number}>", "exec"), self.namespace)
                except Exception as error:
                    print(f"{type(error).__name__}: {error}")
            printed.append(output.getvalue())
        return printed

    def call(self, request: dict[str, Any]) -> Any:
        """Call a function of the submission."""
        function = self.namespace[request["call"]]
        arguments = [decode(argument, torch.from_numpy, self.function) for argument in request["arguments"]]
        return encode(plain(function(*arguments)))

    def function(self, number: int) -> Callable[..., Any]:
        """A function that the caller keeps, to be called from here."""

        def ask(*arguments: Any) -> Any:
            self.send({"ask": number, "arguments": [encode(plain(argument)) for argument in arguments]})
            answer = json.loads(self.requests.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return decode(answer["result"], torch.from_numpy)

        return ask


def plain(value: Any) -> Any:
    """Tensors as arrays, also inside tuples and lists."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, tuple | list):
        return tuple(plain(item) for item in value)
    return value


if __name__ == "__main__":
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a submission prints must not come between the answers
    Worker(sys.stdin, answers).serve()

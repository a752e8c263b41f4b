"""The submission as the graded tests see it: names that are called, values that come back as copies.

A test runs in a trusted process. What it gets from the submission are arrays and plain values that this process made
itself out of JSON and safetensors, or a `Handle` of an object that stays over there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from coursekit.grading.messages import Channel, Encoder, ProtocolError, clean, decode, frame
from coursekit.grading.result import Limits
from coursekit.grading.sandbox import Run, Sandbox


class StudentError(Exception):
    """The submission raised an exception, or what it returned cannot be sent; ``kind`` is the exception's type."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind = kind


class NotSendable(Exception):
    """A graded test gave the submission something that cannot be sent."""


class NoSuchName(StudentError, AttributeError):
    """The notebook, or an object of its, has no such name."""


class Stopped(BaseException):
    """The submission's process has ended or was ended; no test may catch this by accident."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(f"{outcome}: {message}")
        self.outcome = outcome
        self.message = message


class Session:
    """The conversation with a submission. Its process is started anew after it was stopped, while time remains."""

    def __init__(self, sandbox: Sandbox, cells: list[str], limits: Limits, hidden: list[str]) -> None:
        self.sandbox = sandbox
        self.cells = cells
        self.limits = limits
        self.hidden = hidden
        self.deadline = time.monotonic() + limits.seconds
        self.run: Run | None = None
        self.number = 0
        self.answers = 0
        self.stops: list[Stopped] = []
        self.cell_errors: list[dict[str, str]] = []
        self.out_of_memory = False

    def begin(self, seed: int) -> None:
        """Before each test: a process with the notebook loaded, its global random generators seeded."""
        if self.run is None:
            if any(stop.outcome == "timeout" and "loading" in stop.message for stop in self.stops):
                raise self.stops[0]  # it would take as long again
            if time.monotonic() > self.deadline:
                raise Stopped("timeout", f"the submission has used its {self.limits.seconds:.0f} s")
            self.run = self.sandbox.run(self.limits, self.hidden)
            self._order({"do": "seed", "seed": 0}, self.limits.call_seconds)
            loading = {"do": "load", "cells": self.cells}
            answer = self._order(loading, self.limits.load_seconds, "loading the notebook")
            self.cell_errors = [_words(error) for error in _list(answer.get("errors"))]
            self.out_of_memory |= any(out_of_memory(error["type"], error["text"]) for error in self.cell_errors)
        self._order({"do": "seed", "seed": seed}, self.limits.call_seconds)

    def _order(self, request: dict[str, Any], seconds: float, what: str = "a call") -> dict[str, Any]:
        """A request that no honest submission fails."""
        try:
            return self._request(request, {}, seconds, what=what)[0]
        except StudentError as error:
            raise self._stop("protocol error", f"its process does not work any more ({error})") from None

    def end(self) -> None:
        """Kill the process."""
        run, self.run = self.run, None
        if run is not None:
            run.end()

    def get(self, kept: int | None, name: str) -> Any:
        """A name of the notebook's (``kept`` is None), or an attribute of an object that it keeps for us."""
        if name.startswith("_"):
            raise AttributeError(f"{name}: names that begin with an underscore are refused")
        try:
            answer, arrays = self._request({"do": "get", "object": kept, "name": name}, {}, self.limits.call_seconds)
        except StudentError as error:
            if error.kind in ("NameError", "AttributeError"):
                raise NoSuchName(error.kind, str(error).partition(": ")[2]) from None
            raise
        return self._value(answer, arrays, name)

    def call(self, kept: int, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """What a call of an object that the submission keeps for us returns."""
        functions: list[Callable[..., Any]] = []

        def reference(value: Any) -> dict[str, Any]:
            if isinstance(value, Handle):
                return {"object": value._number}
            if callable(value):
                functions.append(value)
                return {"function": len(functions) - 1}
            return _refuse(value)

        encoder = Encoder(reference)
        try:
            given = [encoder.encode(value) for value in arguments]
            by_name = {key: encoder.encode(value) for key, value in named.items()}
        except TypeError as error:
            raise NotSendable(f"an argument of {name}: {error}") from None
        request = {"do": "call", "object": kept, "arguments": given, "named": by_name}
        answer, arrays = self._request(request, encoder.arrays, self.limits.call_seconds, functions)
        return self._value(answer, arrays, name)

    def _value(self, answer: dict[str, Any], arrays: dict[str, np.ndarray], name: str) -> Any:
        def handle(kind: str, number: Any) -> Handle:
            if kind != "object" or type(number) is not int or number < 0:
                raise ProtocolError("an unknown kind of value")
            return Handle(self, number, name)

        try:
            return decode(answer.get("result"), arrays, handle)
        except ProtocolError as error:
            raise self._stop("protocol error", str(error)) from None

    def _request(
        self,
        request: dict[str, Any],
        arrays: dict[str, np.ndarray],
        seconds: float,
        functions: list[Callable[..., Any]] | None = None,
        what: str = "a call",
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Send a request, serve the functions that were passed along, return the answer."""
        if self.run is None:
            raise self.stops[-1] if self.stops else Stopped("not run", "there is no process")
        deadline = min(time.monotonic() + seconds, self.deadline)
        self.number += 1
        failure: Exception | None = None
        try:
            channel = self.run.channel
            channel.send(frame({**request, "number": self.number}, arrays), deadline)
            while True:
                answer, answer_arrays = channel.receive(deadline)
                if "ask" not in answer:
                    break
                failure = self._serve(channel, answer, answer_arrays, functions or [], deadline) or failure
        except TimeoutError:
            raise self._stop("timeout", f"{what} took longer than {seconds:g} s") from None
        except ProtocolError as error:
            raise self._stop("protocol error", str(error)) from None
        except (EOFError, OSError):
            raise self._stop("died", f"the process ended during {what}") from None
        if failure is not None:
            raise failure
        if type(answer.get("number")) is not int or answer["number"] != self.number:
            raise self._stop("protocol error", "an answer to another request")
        self.answers += 1
        if "error" in answer:
            words = _words(answer["error"])
            self.out_of_memory |= out_of_memory(words["type"], words["text"])
            raise StudentError(words["type"], words["text"])
        return answer, answer_arrays

    def _serve(
        self,
        channel: Channel,
        request: dict[str, Any],
        arrays: dict[str, np.ndarray],
        functions: list[Callable[..., Any]],
        deadline: float,
    ) -> Exception | None:
        """Call a function of the test's for the submission; what is wrong with the test, if anything."""
        number, values = request.get("ask"), request.get("arguments")
        if type(number) is not int or not 0 <= number < len(functions) or not isinstance(values, list):
            raise ProtocolError("a question about no function")
        arguments = [decode(value, arrays, _no_reference) for value in values]
        failure = None
        try:
            encoder = Encoder(_refuse)
            content = frame({"result": encoder.encode(functions[number](*arguments))}, encoder.arrays)
        except AssertionError as error:  # a check inside the function
            failure = error
            content = frame({"error": "the function was not called as it must be"})
        except Exception as error:  # called with something that does not fit: the submission's doing
            content = frame({"error": f"the function cannot take these arguments ({type(error).__name__})"})
        channel.send(content, deadline)
        return failure

    def _stop(self, outcome: str, message: str) -> Stopped:
        """End the process; why it ended."""
        assert self.run is not None
        run, self.run = self.run, None
        reason = run.end()["reason"]
        if reason == "memory limit":
            outcome, message = reason, f"its processes took more than {self.limits.memory / 2**30:.3g} GiB"
        elif reason == "timeout":
            outcome, message = reason, f"the submission has used its {self.limits.seconds:g} s"
        self.stops.append(Stopped(outcome, message))
        return self.stops[-1]


class Student:
    """The submission: ``student.f(a)`` calls its function ``f``. Names that begin with an underscore are refused."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return self._session.get(None, name)

    def __repr__(self) -> str:
        return "student"


class Handle:
    """An object of the submission's: call it, read its attributes, or pass it back as an argument."""

    def __init__(self, session: Session, number: int, name: str) -> None:
        self._session = session
        self._number = number
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return self._session.get(self._number, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the submission's object returns."""
        return self._session.call(self._number, self._name, arguments, named)

    def __repr__(self) -> str:
        return f"<the submission's {self._name}>"


def _refuse(value: Any) -> Any:
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def _no_reference(kind: str, content: Any) -> Any:
    raise ProtocolError("an unknown kind of value")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(error: Any) -> dict[str, str]:
    """The description of an exception, made harmless."""
    error = error if isinstance(error, dict) else {}
    kind = clean(error.get("type"))
    number = error.get("cell")
    return {
        "cell": str(number) if type(number) is int else "",
        "type": kind if kind.isidentifier() else "Exception",
        "text": clean(error.get("text")),
    }


def out_of_memory(kind: str, text: str) -> bool:
    """Whether an exception says that memory was refused."""
    return kind == "MemoryError" or "can't allocate memory" in text or "std::bad_alloc" in text

"""Checkpoints that are whole or absent, whenever the process is killed."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import torch


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read, or belongs to another training run."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` to ``path`` so that a reader finds the old file or the new one, never a part of one.

    The bytes go to a file beside it and reach the disk before a rename puts them in place: on one file system a rename
    is atomic. What a killed process may leave is a stray ``.partial`` file, which the next save removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for stray in path.parent.glob(f".{path.name}.*.partial"):
        stray.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    try:
        with os.fdopen(descriptor, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Read the state that `save` wrote, on the CPU; tensors and plain values only, nothing is executed.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or was written by a run with other ``settings``.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        saved = state["settings"]
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        # torch's own message is long and advises to load without checks, which is the last thing to do here.
        reason = type(error).__name__
        raise CheckpointError(
            f"checkpoint {path} is not one that fit wrote ({reason}); remove it to start afresh"
        ) from error
    for name, value in settings.items():
        if saved.get(name) != value:
            raise CheckpointError(
                f"checkpoint {path} comes from a run with {name}={saved.get(name)!r}, this one has {name}={value!r}; "
                "an exact resume needs the same: change it back, or give another checkpoint file"
            )
    return state

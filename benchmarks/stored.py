"""A table of runs that a benchmark measures and a chapter shows: kept as JSON in the package."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import platform
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


class Table:
    """The runs at ``path``, each with a name, one of ``rows``, a seed and its seconds, measured with ``settings``."""

    def __init__(self, path: Path, settings: dict[str, Any], rows: Sequence[str]) -> None:
        self.path, self.settings, self.rows = path, settings, list(rows)

    def read(self) -> dict[str, Any]:
        """The table as it stands, or an empty one."""
        if self.path.exists():
            table = json.loads(self.path.read_text(encoding="utf-8"))
            if table["settings"] == self.settings:
                return table
            print("the stored table was measured with other settings: starting anew")
        machine = f"one thread of a {platform.machine()} CPU, no GPU, torch {torch.__version__.split('+')[0]}"
        return {"settings": self.settings, "machine": machine, "runs": []}

    def store(self, record: dict[str, Any]) -> None:
        """Put one run into the table, in its place; safe when several processes do so."""
        self.path.parent.mkdir(exist_ok=True)
        with open(Path(tempfile.gettempdir()) / f"{self.path.stem}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            table = self.read()
            runs = {(r["name"], r["seed"]): r for r in [*table["runs"], record]}
            table["runs"] = [runs[key] for key in sorted(runs, key=lambda key: (self.rows.index(key[0]), key[1]))]
            table["cpu_minutes"] = round(sum(r["seconds"] for r in table["runs"]) / 60, 1)
            partial = self.path.with_suffix(".partial")
            partial.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
            os.replace(partial, self.path)


def as_text(images: Tensor) -> str:
    """Images in [0, 1] as bytes, compressed, in base 64."""
    pixels = (images * 255).round().to(torch.uint8)
    return base64.b64encode(zlib.compress(pixels.numpy().tobytes(), 9)).decode()

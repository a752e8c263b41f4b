"""What a training run recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class History(Mapping[str, list[float]]):
    """Scalars by name, one value an epoch: ``history["loss"][-1]`` is the last epoch's mean loss."""

    def __init__(self, records: Mapping[str, list[float]] | None = None) -> None:
        self._records = {name: list(values) for name, values in (records or {}).items()}

    def append(self, scalars: Mapping[str, float]) -> None:
        """Add one epoch."""
        for name, value in scalars.items():
            self._records.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> list[float]:
        if name not in self._records:
            raise KeyError(f"history has no {name!r}; it recorded {sorted(self._records)}")
        return self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self._records.items())
        epochs = max((len(values) for values in self._records.values()), default=0)
        return f"History({epochs} epochs; last: {last})"

    def state_dict(self) -> dict[str, list[float]]:
        """Plain lists, for a checkpoint."""
        return {name: list(values) for name, values in self._records.items()}

    def plot(self) -> Figure:
        """Every recorded scalar against the epoch."""
        from coursekit import plot

        return plot.history(self)

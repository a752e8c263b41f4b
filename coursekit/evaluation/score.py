"""A number that judges samples, never without what it was computed from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One value of one metric; ``print`` it and it says all that another person needs to compare with it.

    ``real``, ``generated``: how many examples of each. ``split``: which part of the data the real ones are.
    ``features``: the name of the space in which they were compared. ``float(score)`` is the bare value.
    """

    metric: str
    value: float
    real: int
    generated: int
    split: str
    features: str

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        return (
            f"{self.metric} {self.value:.4g} ({self.real:,} real, {self.split} split; {self.generated:,} generated; "
            f"features: {self.features})"
        )

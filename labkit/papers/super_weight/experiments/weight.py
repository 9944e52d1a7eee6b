"""What the weight panel is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Null", "WeightData", "WeightState"]


@dataclass(frozen=True)
class WeightState:
    """Which weight is multiplied by what while which text is read."""

    text: str = ""
    weight: str = ""
    factor: float = 0.0


@dataclass(frozen=True)
class Null:
    """Another weight of the same tensor under the same operation: of what kind it is, its value, and what changed."""

    kind: str
    address: str
    value: float
    change: float


@dataclass(frozen=True)
class WeightData:
    """What one weight does beside others of its tensor.

    change: how far the model moved, in `unit`, 0 for not at all. nulls: the matched others, of the three kinds of
    `matched_nulls`. labels, intact, cut: what is read off the model, each from 0 to 1, named by `reads`.
    unseen: words of the text that the model never saw.
    """

    address: str
    value: float
    factor: float
    change: float
    unit: str
    nulls: tuple[Null, ...]
    reads: str
    labels: tuple[str, ...]
    intact: tuple[float, ...]
    cut: tuple[float, ...]
    unseen: tuple[str, ...] = ()

    @property
    def most(self) -> Null:
        """The null that moved the model furthest."""
        return max(self.nulls, key=lambda null: null.change)


KINDS = {"largest": "the largest", "comparable": "nearest in size", "random": "drawn at random"}


def small(number: float) -> str:
    """Return a change in as many digits as it has to say: 0.0003, 2.41, "under 0.000001"."""
    if number == 0:
        return "0"
    if number < 1e-6:
        return "under 0.000001"
    return f"{number:.2f}" if number >= 0.1 else f"{number:.{math.ceil(-math.log10(number))}f}"

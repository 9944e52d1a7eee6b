"""What the weight panel is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

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
    """Another weight of the same tensor under the same operation: its address, its value, and what changed."""

    address: str
    value: float
    change: float


@dataclass(frozen=True)
class WeightData:
    """What one weight does beside others of its tensor.

    change: how far the model moved, in `unit`, 0 for not at all. largest: the weights of largest magnitude; drawn:
    weights drawn at random. labels, intact, cut: what is read off the model, each from 0 to 1, named by `reads`.
    unseen: words of the text that the model never saw.
    """

    address: str
    value: float
    factor: float
    change: float
    unit: str
    largest: tuple[Null, ...]
    drawn: tuple[Null, ...]
    reads: str
    labels: tuple[str, ...]
    intact: tuple[float, ...]
    cut: tuple[float, ...]
    unseen: tuple[str, ...] = ()

    @property
    def most(self) -> Null:
        """The null that moved the model furthest."""
        return max((*self.largest, *self.drawn), key=lambda null: null.change)

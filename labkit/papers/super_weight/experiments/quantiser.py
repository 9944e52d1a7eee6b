"""What the quantiser is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OUTLIER", "QuantiserData", "QuantiserState"]

# What is done about the outlier: the words shown, and how it is kept in a state.
OUTLIER = {"round all": "nothing", "clip, round all": "clip", "keep it": "keep", "keep it, clip the rest": "both"}


@dataclass(frozen=True)
class QuantiserState:
    """How many bits a number has, how far away clipping begins (standard deviations), what the outlier gets."""

    bits: int = 4
    clip: float = 4.0
    outlier: str = "nothing"


@dataclass(frozen=True)
class QuantiserData:
    """One matrix, rounded in the three other ways too.

    edges, counts: the histogram of the matrix as it is. levels: those of the block that holds the outlier, without
    the outlier where it is kept. low, high: the middle 98 of 100 numbers. ordinary: how many levels lie among them.
    outlier: its value before and after. error: root mean square error over the matrix. losses: nats a token, by what
    was done about the outlier.
    """

    address: str
    bits: int
    clip: float
    outlier: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    levels: tuple[float, ...]
    low: float
    high: float
    value: float
    value_after: float
    error: float
    intact: float
    losses: dict[str, float]

    @property
    def rise(self) -> float:
        """Nats a token by which the loss is higher than as trained."""
        return self.losses[self.outlier] - self.intact

    @property
    def ordinary(self) -> int:
        """How many levels serve the middle 98 of 100 numbers."""
        return sum(self.low <= level <= self.high for level in self.levels)


def shown(way: str) -> str:
    """Return the words for what is done about the outlier."""
    return next(words for words, kept in OUTLIER.items() if kept == way)

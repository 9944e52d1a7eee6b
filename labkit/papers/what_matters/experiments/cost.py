"""What the cost meter is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.measurements.estimate import Estimate
from labkit.panels.stored import estimate_of, summary

__all__ = ["BATCHES", "GONE", "KINDS", "LENGTHS", "NEW", "CostData", "CostRow", "CostRun", "CostState"]

BATCHES, LENGTHS, GONE = (1, 8), (32, 128, 224), (4, 8)
NEW = 16  # tokens written after what is read
KINDS = {"attention": "attentions", "mlp": "MLPs", "block": "whole blocks"}


@dataclass(frozen=True)
class CostState:
    """How many texts at once, how many tokens of each are read, and how many parts are gone."""

    batch: int = 1
    length: int = 128
    gone: int = 4


@dataclass(frozen=True)
class CostRow:
    """One kind of cut: parameters, cache bytes (two a number) and FLOPs, intact and cut; time as the share left.

    time: seconds cut over seconds intact, paired by rounds (null 1). seconds: medians, intact and cut.
    """

    kind: str
    parameters: tuple[int, int]
    cache: tuple[int, int]
    flops: tuple[int, int]
    time: Estimate
    seconds: tuple[float, float]

    @property
    def left(self) -> dict[str, float]:
        """The shares that are left, by what they are of."""
        shares = {name: after / before for name, (before, after) in
                  (("weights", self.parameters), ("cache", self.cache), ("FLOPs", self.flops))}  # fmt: skip
        return {**shares, "time": self.time.value}

    def as_list(self) -> list:
        """Return plain JSON values."""
        return [self.parameters, self.cache, self.flops, summary(self.time), [round(s, 5) for s in self.seconds]]

    @classmethod
    def of(cls, kind: str, kept: list) -> CostRow:
        """Return what `as_list` gave."""
        parameters, cache, flops, time, seconds = kept
        about = {"name": "time left", "over": "rounds", "unit": "times", "null": 1.0}
        return cls(kind, tuple(parameters), tuple(cache), tuple(flops), estimate_of(time, **about), tuple(seconds))


@dataclass(frozen=True)
class CostData:
    """All three kinds of cut at one batch, length and number of parts gone; clock: what the seconds are."""

    model: str
    batch: int
    length: int
    gone: int
    rows: tuple[CostRow, ...]
    clock: str


@dataclass(frozen=True)
class CostRun:
    """Stored answers by state."""

    model: str
    clock: str
    rows: Mapping[str, tuple[CostRow, ...]]

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> CostRun:
        """Return what a file holds."""
        rows = {
            key: tuple(CostRow.of(kind, row) for kind, row in kept.items())
            for key, kept in table.items()
            if key not in ("model", "clock")
        }
        return cls(table["model"], table["clock"], rows)

    def find(self, state: CostState) -> CostData | None:
        """Return the stored answer to `state`, or None."""
        rows = self.rows.get(key_of(state))
        if rows is None:
            return None
        return CostData(self.model, state.batch, state.length, state.gone, rows, self.clock)


def key_of(state: CostState) -> str:
    """Return the name of a state in the file."""
    return f"batch {state.batch}, length {state.length}, gone {state.gone}"

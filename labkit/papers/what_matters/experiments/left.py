"""What is left of what a model could do, as parts go: loss and skills on one scale, from a race that was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labkit.base.errors import unknown
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate
from labkit.measurements.tables import text_table

from .race_steps import NAMES, PROBES, RaceRun

__all__ = ["Left", "what_is_left"]


@dataclass(frozen=True, kw_only=True)
class Left(Result):
    """`lines[name][k]` is the share that is left of the loss or a skill with `counts[k]` parts gone.

    1 is the intact model. 0 knows nothing: the loss of guessing words by how frequent they are, a skill at chance.
    The intervals are those of the cut model; the two ends of the scale are taken as known.
    """

    model: str
    strategy: str
    counts: tuple[int, ...]
    lines: Mapping[str, tuple[Estimate, ...]]

    def falls(self, level: float = 0.9) -> dict[str, int | None]:
        """Return with how many parts gone each line is first below `level`."""
        below = lambda line: (k for k, one in zip(self.counts, line) if one.value < level)  # noqa: E731
        return {name: next(below(line), None) for name, line in self.lines.items()}

    def table(self) -> str:
        """Return one line per thing that is asked."""
        rows = [[name, *(f"{one.value:.2f}" for one in line)] for name, line in self.lines.items()]
        return text_table(["left of", *map(str, self.counts)], rows, title=f"{self.model}: {self.strategy}s gone")


def what_is_left(race: RaceRun, strategy: str = "attention") -> Left:
    """Return what is left of the loss, and of each skill that the intact model has, along one strategy of a race."""
    if strategy not in race.loss:
        raise unknown("strategy", strategy, race.loss)
    room = race.guess - race.base.value
    lines = {"the loss": tuple(_scaled(one, 0.0, room, "the loss", up=False) for one in race.loss[strategy])}
    for name, probe in PROBES.items():
        whole = race.intact[probe]
        if whole.excludes(whole.null):
            found = race.probes[probe][strategy]
            lines[name] = tuple(_scaled(one, whole.null, whole.value - whole.null, name) for one in found)
    return Left(model=race.model, strategy=NAMES[strategy], counts=race.counts, lines=lines)


def _scaled(one: Estimate, nothing: float, room: float, name: str, up: bool = True) -> Estimate:
    """Return an estimate on the scale from nothing (0) to intact (1); a loss counts downwards from intact."""
    place = (lambda value: (value - nothing) / room) if up else (lambda value: 1 - value / room)
    low, high = sorted((place(one.low), place(one.high)))
    return Estimate(name=name, value=place(one.value), low=low, high=high, n=one.n, over=one.over, unit="share left")

"""The cost of dropping k parts: a measure after 0, 1, 2, … drops of each plan. Cell, panel, claim and file ask here."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.interventions import Plan
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.measures import Measure
from labkit.measurements.tables import text_table
from labkit.panels.measured import in_slices

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Race", "race", "racing"]

Line = tuple[Estimate, ...]


@dataclass(frozen=True, kw_only=True)
class Race(Result):
    """`lines[name][i]` is the change of the measure after the first `counts[i]` drops of that strategy's plan, and
    `measured[name][i]` the measure itself.

    A strategy that was given several plans (random orders) has the mean over them, with Student's interval over them.
    base: the measure on the intact model.
    """

    model: str
    measure: str
    unit: str
    counts: tuple[int, ...]
    lines: Mapping[str, Line]
    base: Estimate
    measured: Mapping[str, Line] = field(default_factory=dict, repr=False)

    def table(self) -> str:
        """Return one line per strategy."""
        rows = [[name, *(f"{one.value:+.4g}" for one in line)] for name, line in self.lines.items()]
        title = f"Change of {self.measure} ({self.unit}) by parts dropped; intact {self.base.value:.4g}"
        return text_table(["strategy", *map(str, self.counts)], rows, title=title)


def race(
    model: ModelLike,
    strategies: Mapping[str, Plan | Sequence[Plan]],
    documents: Sequence | None,
    counts: Sequence[int],
    measure: str | Measure = "loss",
) -> Race:
    """Measure each strategy's plan cut short to each of `counts` drops, in one sweep.

    strategies: by name, a plan (from `one_shot`, `iterative`), or several to average over.
    Raises `BadInput` for a plan with fewer drops than asked for.
    """
    running = racing(model, strategies, documents, counts, measure)
    while True:
        try:
            next(running)
        except StopIteration as stop:
            return stop.value


def racing(
    model: ModelLike,
    strategies: Mapping[str, Plan | Sequence[Plan]],
    documents: Sequence | None,
    counts: Sequence[int],
    measure: str | Measure = "loss",
) -> Generator[float, None, Race]:
    """Do what `race` does in slices: yield the share that is done, and return the result; the model is free between."""
    plans = {name: [given] if isinstance(given, Plan) else list(given) for name, given in strategies.items()}
    counts = tuple(sorted(set(counts)))
    shortest = min((len(plan) for several in plans.values() for plan in several), default=0)
    if not plans or not counts or counts[0] < 0 or counts[-1] > shortest:
        raise BadInput(
            f"A race of {len(plans)} strategies to {list(counts)} drops.",
            expected=f"at least one strategy and count, from 0 to {shortest}, the drops of the shortest plan",
        )
    cut = {name: [[Plan(plan.edits[:k]) for plan in several] for k in counts] for name, several in plans.items()}
    asked = dict.fromkeys(plan for line in cut.values() for several in line for plan in several)
    found = yield from in_slices(model, asked, documents, measure, every=12)
    lines, measured = (
        {
            name: tuple(_together([getattr(found[plan], what) for plan in several], name) for several in line)
            for name, line in cut.items()
        }
        for what in ("change", "measured")
    )
    about = {"model": found.model, "measure": found.measure, "unit": found.unit, "base": found.base}
    return Race(counts=counts, lines=lines, measured=measured, **about)


def _together(found: list[Estimate], name: str) -> Estimate:
    if len(found) == 1:
        return found[0]
    first, values = found[0], [one.value for one in found]
    return mean_over(values, "orders", method="t", name=f"{first.name}, {name}", unit=first.unit, null=first.null)

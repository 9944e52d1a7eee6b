"""Strategies against each other: the measure after 0, 1, 2, … drops of each plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.base.errors import BadInput
from labkit.interventions import Plan
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.measures import Measure
from labkit.measurements.tables import text_table
from labkit.sweeps.run import sweep

__all__ = ["Race", "race"]


@dataclass(frozen=True, kw_only=True)
class Race:
    """`lines[name][k]` is the change of the measure after the first `counts[k]` drops of that strategy's plan.

    A strategy that was given several plans (random orders) has the mean over them, with Student's interval over them.
    base: the measure on the intact model.
    """

    model: str
    measure: str
    unit: str
    counts: tuple[int, ...]
    lines: Mapping[str, tuple[Estimate, ...]]
    base: Estimate

    def table(self) -> str:
        """Return one line per strategy."""
        rows = [[name, *(f"{one.value:+.4g}" for one in line)] for name, line in self.lines.items()]
        title = f"Change of {self.measure} ({self.unit}) by parts dropped; intact {self.base.value:.4g}"
        return text_table(["strategy", *map(str, self.counts)], rows, title=title)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        lines = {name: [one.as_dict() for one in line] for name, line in self.lines.items()}
        about = {"model": self.model, "measure": self.measure, "unit": self.unit, "counts": list(self.counts)}
        return {**about, "lines": lines, "base": self.base.as_dict()}

    def __str__(self) -> str:
        return self.table()


def race(
    model: Any,
    strategies: Mapping[str, Plan | Sequence[Plan]],
    documents: Sequence | None,
    counts: Sequence[int],
    measure: str | Measure = "loss",
    **options: Any,
) -> Race:
    """Measure each strategy's plan cut short to each of `counts` drops, in one sweep.

    strategies: by name, a plan (from `one_shot`, `iterative`), or several to average over. options: those of `sweep`.
    Raises `BadInput` for a plan with fewer drops than asked for.
    """
    plans = {name: [given] if isinstance(given, Plan) else list(given) for name, given in strategies.items()}
    counts = tuple(sorted(set(counts)))
    shortest = min((len(plan) for several in plans.values() for plan in several), default=0)
    if not plans or not counts or counts[0] < 0 or counts[-1] > shortest:
        raise BadInput(
            f"A race of {len(plans)} strategies to {list(counts)} drops.",
            expected=f"at least one strategy and count, from 0 to {shortest}, the drops of the shortest plan",
        )
    cut = {name: [[Plan(plan.edits[:k]) for k in counts] for plan in several] for name, several in plans.items()}
    asked = list(dict.fromkeys(one for several in cut.values() for line in several for one in line))
    found = sweep(model, asked, documents, measure, **options)
    lines = {
        name: tuple(_together([found[line[place]].change for line in several], name) for place in range(len(counts)))
        for name, several in cut.items()
    }
    about = {"model": found.model, "measure": found.measure, "unit": found.unit}
    return Race(**about, counts=counts, lines=lines, base=found.base)


def _together(changes: list[Estimate], name: str) -> Estimate:
    if len(changes) == 1:
        return changes[0]
    first = changes[0]
    values = [change.value for change in changes]
    return mean_over(values, "orders", method="t", name=f"{first.name}, {name}", unit=first.unit, null=0.0)

"""What grows with the number of possible futures: the arms by branching factor, over models of several seeds.

From the measured runs; nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from labkit.base.results import Result
from labkit.measurements import Estimate
from labkit.measurements.estimate import mean_over

from ..method.store import load_space
from ..task import BRANCHES, EVENTS
from .quality import exact_answers, judge_pieces, test_events
from .runs import DRAWS, FAMILY, measured

__all__ = ["ByFutures", "after_verbs", "by_futures"]

SEEDS = (11, 12, 13, 14, 15)  # of the rows by number of futures, and of nothing else
FUTURES = tuple(dict.fromkeys(map(len, BRANCHES)))
MEASURES = ("possible", "total_variation")
TRUTH = "the truth itself"


@dataclass(frozen=True)
class ByFutures(Result):
    """A measure by arm and number of possible futures, mean over seeds with its interval.

    estimates: measure -> arm -> number of futures -> estimate. truth: what draws from the true probabilities get, as
    many as the arms: measure -> number of futures -> mean over events.
    """

    estimates: dict[str, dict[str, dict[int, Estimate]]]
    truth: dict[str, dict[int, float]]

    def of(self, measure: str, arm: str) -> dict[int, float]:
        """Return the means of an arm by number of futures."""
        return {count: one.value for count, one in self.estimates[measure][arm].items()}

    def table(self) -> str:
        """Return one line for each measure, arm and number of futures, seed by seed."""
        lines = []
        for measure, arms in self.estimates.items():
            lines.append(f"{measure.replace('_', ' ')}: mean, 95 % interval, seed by seed")
            for arm, by_count in arms.items():
                for count, one in by_count.items():
                    each = " ".join(f"{value:.3f}" for value in one.per_unit)
                    lines.append(f"{arm:15} {count}  {one.value:.3f}  {one.low:.3f} to {one.high:.3f}  {each}")
            shares = ", ".join(f"{count}: {value:.3f}" for count, value in self.truth[measure].items())
            lines.append(f"{TRUTH}  {shares}")
        return "\n".join(lines)


def by_futures(arms: Sequence[str] = ("base", "two-tower", "quant-d long"), seeds: Sequence[int] = SEEDS) -> ByFutures:
    """Return what some arms say after verbs with one, two and four futures, over the models of some seeds."""
    rows = {FAMILY[arm]: [_run(arm, seed) for seed in seeds] for arm in arms}
    estimates = {
        measure: {
            name: {
                count: mean_over([after_verbs(run, measure, count) for run in runs], "seeds", method="t")
                for count in FUTURES
            }
            for name, runs in rows.items()
        }
        for measure in MEASURES
    }
    space, events = load_space("aligned"), test_events()
    drawn = exact_answers(space, events, DRAWS)["truth"].flatten(0, 1)
    judged = judge_pieces(events, space.pieces(drawn).view(len(events), DRAWS, -1))
    ideal = {measure: [judged.of(measure, verb).value for verb in EVENTS] for measure in MEASURES}
    return ByFutures(estimates, {m: {count: after_verbs(ideal, m, count) for count in FUTURES} for m in MEASURES})


def after_verbs(run: Mapping[str, Any], measure: str, futures: int) -> float:
    """Return a measure of a measured run, mean over the verbs after which so many things can follow."""
    return fmean(run[measure][kind] for kind, branch in enumerate(BRANCHES) if len(branch) == futures)


def _run(arm: str, seed: int) -> dict[str, Any]:
    (run,) = measured(arm=arm, seed=seed, setting="plain")
    return run

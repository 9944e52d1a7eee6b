"""Other ways to learn an expert, tried on the choosing seed alone: what they reach, and at which rates they fall.

From the stored runs; nothing is trained here, and no claim rests on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from labkit.base.results import Result

from ..task import DOMAINS
from ..training import CHOOSING, SIDE_ARMS, known_run, known_runs

__all__ = ["OtherWays", "RatesTried", "other_ways", "rates_tried"]

_SAME = {"LoRA by reward, larger rates": "LoRA by reward"}  # a side arm -> whose rates it continues


@dataclass(frozen=True)
class RatesTried(Result):
    """Share of right validation answers to sums by arm and learning rate, on one base."""

    right: dict[str, dict[float, float]]

    def table(self) -> str:
        """Return one line for each arm; a dash where a rate was not tried."""
        rates = sorted({lr for by_rate in self.right.values() for lr in by_rate})
        width = max(map(len, self.right))
        head = " " * width + "".join(f"{lr:>8g}" for lr in rates)
        lines = [
            f"{arm:{width}}" + "".join(f"{by_rate[lr]:8.0%}" if lr in by_rate else f"{'–':>8}" for lr in rates)
            for arm, by_rate in self.right.items()
        ]
        return "\n".join([head, *lines])


def rates_tried(
    arms: Sequence[str] = ("SVF by reward", "SVF of q, v by reward", "LoRA by reward", "LoRA by next token"),
) -> RatesTried:
    """Return what some arms made of sums at every rate that was tried on the choosing seed."""
    right: dict[str, dict[float, float]] = {arm: {} for arm in arms}
    for run in known_runs().where(seed=CHOOSING, task="sum"):
        arm = _SAME.get(run["arm"], run["arm"])
        if arm in right:
            right[arm][run["lr"]] = run["validation"]
    return RatesTried(right)


@dataclass(frozen=True)
class OtherWays(Result):
    """Each side run: the arm, its task and rate, its share of right test answers, and the change elsewhere.

    before: shares of the base by task. elsewhere: the mean change of the share of right answers to the trained tasks
    that are not the run's own. numbers: how many the adapter has.
    """

    before: dict[str, float]
    runs: tuple[dict[str, Any], ...]

    def of(self, arm: str, task: str = "sum") -> dict[str, Any]:
        """Return the run of an arm on a task that ended with most right answers, among its rates."""
        return max((run for run in self.runs if (run["arm"], run["task"]) == (arm, task)), key=lambda run: run["right"])

    def table(self) -> str:
        """Return one line for each run."""
        width = max(len(run["arm"]) for run in self.runs)
        head = f"{'':{width}} {'task':>7} {'rate':>6} {'right':>6} {'elsewhere':>10} {'numbers':>8}"
        lines = [
            f"{run['arm']:{width}} {run['task']:>7} {run['lr']:>6g} {run['right']:6.0%} {run['elsewhere']:+10.0%} "
            f"{run['numbers']:>8,}"
            for run in self.runs
        ]
        return "\n".join([head, *lines])


def other_ways(arms: Sequence[str] = tuple(SIDE_ARMS)) -> OtherWays:
    """Return the side runs of some arms; raise `NotAvailable` where one was not made."""
    before, made = known_run(arm="base", seed=CHOOSING)["accuracy"], []
    for arm in arms:
        for task, lr in product(SIDE_ARMS[arm].tasks, SIDE_ARMS[arm].rates):
            run = known_run(arm=arm, task=task, lr=lr, seed=CHOOSING)
            others = [one for one in DOMAINS.values() if one != task]
            made.append(
                {
                    "arm": arm,
                    "task": task,
                    "lr": lr,
                    "right": run["accuracy"][task],
                    "elsewhere": sum(run["accuracy"][one] - before[one] for one in others) / len(others),
                    "numbers": run["numbers"],
                }
            )
    return OtherWays(before, tuple(made))

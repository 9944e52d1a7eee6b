"""Arms side by side: one quantity of every measured run, and paired differences with intervals. Lesson: 04."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.base.errors import unknown
from labkit.measurements.estimate import Estimate, mean_over

from ..training import CONFIRMING, MAIN
from .allocation import PLACES
from .measured_runs import HARDER, TESTS, of_arm, steps_to

__all__ = ["QUANTITIES", "Arms", "compare_arms"]

Run = Mapping[str, Any]
_ANSWER, _NOISE = PLACES.index("answer"), PLACES.index("noise")
# By name: how it is read from a run, and its unit.
QUANTITIES: Mapping[str, tuple[Callable[[Run], float], str]] = {
    "nats": (lambda run: run["as trained"]["nats"], "nats an answer"),
    "nats, longer": (lambda run: run["longer"]["nats"], "nats an answer"),
    "right, harder": (lambda run: run[HARDER]["right"], "share of right answers"),
    "answer": (lambda run: run["signed"][_ANSWER], "signed share of the attention"),
    "answer, absolute": (lambda run: run["absolute"][_ANSWER], "absolute share of the attention"),
    "noise": (lambda run: run["signed"][_NOISE], "signed share of the attention"),
    "noise, absolute": (lambda run: run["absolute"][_NOISE], "absolute share of the attention"),
    "top score": (lambda run: run["scores"][0], "largest attention score"),
    "top of the stream": (lambda run: run["stream"][0], "largest value of the stream"),
    "right in 4 bits": (lambda run: run["bits"]["4"], "share of right answers"),
    "steps": (steps_to, "steps until 90 % are right"),
    "lambda": (lambda run: run["lambda"], "λ after training"),
    "without the second map": (lambda run: run["without the second map"], "share of right answers"),
    **{f"right, {name}": (lambda run, name=name: run[name]["right"], "share of right answers") for name in TESTS},
}


@dataclass(frozen=True)
class Arms:
    """One quantity by arm and seed, each arm at the learning rate that was best for it on the pilot seeds."""

    what: str
    unit: str
    values: Mapping[str, Mapping[int, float]]
    rates: Mapping[str, float]

    def mean(self, arm: str) -> Estimate:
        """Return the mean of an arm with its interval over seeds."""
        return mean_over(
            list(self.values[arm].values()), "seeds", method="t", name=f"{self.what}, {arm}", unit=self.unit
        )

    def difference(self, first: str, second: str) -> Estimate:
        """Return `second` minus `first`, paired by seed, with its interval."""
        both = [seed for seed in self.values[first] if seed in self.values[second]]
        gaps = [self.values[second][seed] - self.values[first][seed] for seed in both]
        return mean_over(
            gaps, "seeds", method="t", name=f"{self.what}, {second} minus {first}", unit=self.unit, null=0.0
        )

    def table(self) -> str:
        """Return mean, interval and rate of every arm as text."""
        rows = [(arm, self.mean(arm), self.rates[arm]) for arm in self.values]
        return "\n".join(
            [f"{self.what}, {self.unit}"]
            + [
                f"{arm:18} {one.value:8.3f}  [{one.low:.3f}, {one.high:.3f}]  n {one.n}  lr {lr:g}"
                for arm, one, lr in rows
            ]
        )


def compare_arms(what: str, arms: Sequence[str] = MAIN, seeds: Sequence[int] = CONFIRMING) -> Arms:
    """Return one quantity of `QUANTITIES` for each arm on the seeds that were kept for the claims.

    Raises `UnknownName` for another quantity and `NotAvailable` for an arm that was not trained.
    """
    if what not in QUANTITIES:
        raise unknown("quantity", what, QUANTITIES)
    read, unit = QUANTITIES[what]
    found = {arm: {seed: run for seed, run in of_arm(arm).items() if seed in seeds} for arm in arms}
    values = {arm: {seed: float(read(run)) for seed, run in rows.items()} for arm, rows in found.items()}
    return Arms(what, unit, values, {arm: next(iter(rows.values()))["lr"] for arm, rows in found.items()})

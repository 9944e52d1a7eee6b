"""Arms side by side: one quantity of every measured run, and paired differences with intervals. Lesson: 04."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.base.errors import BadInput, unknown
from labkit.measurements.estimate import Estimate, mean_over
from labkit.training import Runs

from ..training import ARMS, CONFIRMING, MAIN, pilots_of
from .allocation import PLACES
from .measured_runs import HARDER, of_arm, runs_path, steps_to

__all__ = ["QUANTITIES", "Arms", "compare_arms", "rates_tried"]

Run = Mapping[str, Any]
_ANSWER, _NOISE = PLACES.index("answer"), PLACES.index("noise")
_RIGHT, _NATS, _SIGNED, _ABSOLUTE = (
    "share of right answers", "nats an answer", "signed share of the attention", "absolute share of the attention",
)  # fmt: skip
_WORDS = {
    "as trained": "Texts like those trained on",
    "longer": "Texts twice as long",
    "more needles": "Twice the needles",
    "longest": "Texts four times as long",
    "more decoys": "Twice the decoys",
    "other fillers": "Fillers without order",
}
# By name: how it is read from a run, its unit, and what it is in words.
QUANTITIES: Mapping[str, tuple[Callable[[Run], float], str, str]] = {
    "nats": (lambda run: run["as trained"]["nats"], _NATS, "Loss on texts like those trained on"),
    "nats, longer": (lambda run: run["longer"]["nats"], _NATS, "Loss on texts twice as long"),
    "right, harder": (lambda run: run[HARDER]["right"], _RIGHT, "Twice the text, twice the needles"),
    "answer": (lambda run: run["signed"][_ANSWER], _SIGNED, "Attention to the answer"),
    "answer, absolute": (lambda run: run["absolute"][_ANSWER], _ABSOLUTE, "Attention to the answer"),
    "noise": (lambda run: run["signed"][_NOISE], _SIGNED, "Attention to noise"),
    "noise, absolute": (lambda run: run["absolute"][_NOISE], _ABSOLUTE, "Attention to noise"),
    "top score": (lambda run: run["scores"][0], "score", "Largest attention score"),
    "top of the stream": (lambda run: run["stream"][0], "size", "Largest value of the stream"),
    "right in 4 bits": (lambda run: run["bits"]["4"], _RIGHT, "Attention scores in 4 bits"),
    "steps": (steps_to, "steps", "Steps until nine answers of ten are right"),
    "lambda": (lambda run: run["lambda"], "λ", "The λ after training"),
    "without the second map": (lambda run: run["without the second map"], _RIGHT, "The first map alone"),
    **{f"right, {name}": (lambda run, name=name: run[name]["right"], _RIGHT, words) for name, words in _WORDS.items()},
}


@dataclass(frozen=True)
class Arms:
    """One quantity by arm and seed, each arm at the learning rate that was best for it on the pilot seeds."""

    what: str
    unit: str
    title: str
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
        return mean_over(gaps, "seeds", method="t", name=f"{second} minus {first}", unit=self.unit, null=0.0)

    def table(self) -> str:
        """Return mean, interval and rate of every arm as text."""
        rows = [(arm, self.mean(arm), self.rates[arm]) for arm in self.values]
        return "\n".join(
            [f"{self.title}, {self.unit}"]
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
    read, unit, title = QUANTITIES[what]
    found = {arm: {seed: run for seed, run in of_arm(arm).items() if seed in seeds} for arm in arms}
    try:
        values = {arm: {seed: float(read(run)) for seed, run in rows.items()} for arm, rows in found.items()}
    except KeyError as error:
        raise BadInput(
            f"Not every one of {', '.join(arms)} has a {what}.",
            expected="arms with two maps",
            do="leave out the others",
        ) from error
    return Arms(what, unit, title, values, {arm: next(iter(rows.values()))["lr"] for arm, rows in found.items()})


def rates_tried(arm: str) -> dict[float, float]:
    """Return the mean loss of an arm on the pilot seeds, nats an answer, by learning rate; the least was taken.

    Raises `UnknownName` for another arm.
    """
    if arm not in ARMS:
        raise unknown("arm", arm, ARMS)
    losses: dict[float, list[float]] = {}
    for run in pilots_of(Runs(runs_path()), arm):
        losses.setdefault(run["lr"], []).append(run["loss"])
    return {lr: sum(losses[lr]) / len(losses[lr]) for lr in sorted(losses)}

"""Sooner or more? The stored runs as curves over training and as a ladder of difficulty, every seed shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labkit.base.errors import NotAvailable
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.tables import text_table

from ..training import DEPTH, EVERY, SEEDS, WIDTH, best_rate
from .table import DO, runs

__all__ = ["NAMES", "Ladder", "LearningCurves", "Rung", "ladder", "learning_curves"]

NAMES = {
    "base": "baseline",
    "lime": "LIMe",
    "zeros": "LIMe, zeros first",
    "random": "LIMe, random first",
    "own": "own layer, heads mixed",
    "first-1": "first buffer only",
    "last-2": "layer below only",
    "average": "average of all",
    "keys": "keys routed only",
    "values": "values routed only",
    "same-head": "same head only",
    "channel": "a number a channel",
    "v1-static": "first version, static",
    "v1-dynamic": "first version, by token",
    "first-values": "value residual",
    "dense": "DenseFormer",
    "hyper-static": "Hyper-Connections, static",
    "hyper-dynamic": "Hyper-Connections",
}


class Rung(NamedTuple):
    """What a pair was trained on and how large it was."""

    operands: int = 4
    steps: int = 1200
    width: int = WIDTH
    depth: int = DEPTH

    def __str__(self) -> str:
        said = f"{self.operands} operands, {self.steps:,} steps"
        said += f", {self.width} wide" if self.width != WIDTH else ""
        return said + (f", {self.depth} layers" if self.depth != DEPTH else "")


@dataclass(frozen=True)
class LearningCurves(Result):
    """Share solved and loss over the working while training: by arm, by seed, one value at every step looked at."""

    steps: tuple[int, ...]
    shares: Mapping[str, Mapping[int, tuple[float, ...]]]
    losses: Mapping[str, Mapping[int, tuple[float, ...]]]
    rung: Rung

    def halfway(self, arm: str, share: float = 0.5) -> dict[int, int | None]:
        """Return by seed the first step looked at after which a share is solved, None where it never was."""
        return {
            seed: next((step for step, value in zip(self.steps, values) if value >= share), None)
            for seed, values in self.shares[arm].items()
        }

    def table(self) -> str:
        """Return one row a run: when half was solved, and what came out."""
        rows = []
        for arm, by_seed in self.shares.items():
            half = self.halfway(arm)
            for seed, values in by_seed.items():
                when = "never" if half[seed] is None else f"{half[seed]}"
                rows.append(
                    [NAMES.get(arm, arm), f"{seed}", when, f"{values[-1]:.0%}", f"{self.losses[arm][seed][-1]:.4f}"]
                )
        head = ["arm", "seed", "half solved after", "at the end", "loss"]
        return text_table(head, rows, title=str(self.rung))


def learning_curves(
    arms: Sequence[str] = ("base", "lime"), rung: Sequence[int] = Rung(), *, seeds: Sequence[int] = SEEDS
) -> LearningCurves:
    """Return the stored curves of some arms, each at its best rate; raise `NotAvailable` where an arm has no run."""
    rung = Rung(*rung)
    found = {arm: _chosen(arm, rung, seeds) for arm in arms}
    looked = tuple(range(0, rung.steps + 1, EVERY))
    shares = {arm: {run["seed"]: tuple(run["shares"]) for run in held} for arm, held in found.items()}
    losses = {arm: {run["seed"]: tuple(run["losses"]) for run in held} for arm, held in found.items()}
    return LearningCurves(looked, shares, losses, rung)


@dataclass(frozen=True)
class Ladder(Result):
    """What came out of training: rung -> arm -> seed -> (loss over the working, share solved)."""

    rungs: Mapping[Rung, Mapping[str, Mapping[int, tuple[float, float]]]]

    def lead(
        self, rung: Sequence[int] = Rung(), first: str = "base", second: str = "lime", *, what: str = "solved"
    ) -> Estimate:
        """Return the mean of `second` minus `first` over the seeds that both have (Student's t).

        what: "solved", the share, or "loss", nats a token.
        """
        one, other = self.rungs[Rung(*rung)][first], self.rungs[Rung(*rung)][second]
        place = ("loss", "solved").index(what)
        gaps = [other[seed][place] - one[seed][place] for seed in sorted(set(one) & set(other))]
        unit = "share" if what == "solved" else "nats a token"
        return mean_over(gaps, "seeds", method="t", name=f"{NAMES[second]} minus {NAMES[first]}", unit=unit, null=0.0)

    def table(self, rung: Sequence[int] | None = None) -> str:
        """Return one row a rung, LIMe beside the baseline; for one rung a row for each arm beside the baseline."""
        if rung is None:
            rows = [[str(one), *map(_seeds, (arms["base"], arms["lime"])), _told(self.lead(one))]
                    for one, arms in self.rungs.items()]  # fmt: skip
            return text_table(["", "baseline", "LIMe", "lead"], rows, title="Share solved, seed by seed")
        arms = self.rungs[Rung(*rung)]
        gaps = {arm: self.lead(rung, second=arm, what="loss") for arm in arms if arm != "base"}
        told = {arm: _told(gap, 3) for arm, gap in gaps.items()}
        rows = [[NAMES[arm], _seeds(held), _mean(held), told.get(arm, "")] for arm, held in arms.items()]
        return text_table(["", "solved, seed by seed", "loss", "minus the baseline's"], rows, title=str(Rung(*rung)))


RUNGS = (
    Rung(operands=3), Rung(steps=600), Rung(), Rung(steps=2400), Rung(operands=5, steps=2400),
    Rung(width=24), Rung(width=32), Rung(depth=2),
)  # fmt: skip


def ladder(
    arms: Sequence[str] = ("base", "lime"), rungs: Sequence[Sequence[int]] = RUNGS, *, seeds: Sequence[int] = SEEDS
) -> Ladder:
    """Return the stored runs by rung; a rung without runs is left out."""
    found: dict = {}
    for rung in (Rung(*one) for one in rungs):
        try:
            held = {arm: _chosen(arm, rung, seeds) for arm in arms}
        except NotAvailable:
            continue
        found[rung] = {arm: {run["seed"]: (run["loss"], run["solved"]) for run in rows} for arm, rows in held.items()}
    return Ladder(found)


def _chosen(arm: str, rung: Rung, seeds: Sequence[int]) -> list[dict]:
    """Return an arm's runs at its best rate in the order of seeds."""
    lr = best_rate(arm, **rung._asdict())
    held = [run for run in runs().where(arm=arm, lr=lr, **rung._asdict()) if run["seed"] in seeds]
    if not held:
        raise NotAvailable(f"There is no run of {arm} with {rung}.", do=DO)
    return sorted(held, key=lambda run: run["seed"])


def _seeds(held: Mapping[int, tuple[float, float]]) -> str:
    return " ".join(f"{share:.0%}" for _, share in held.values())


def _mean(held: Mapping[int, tuple[float, float]]) -> str:
    return f"{sum(loss for loss, _ in held.values()) / len(held):.3f}"


def _told(one: Estimate, digits: int = 2) -> str:
    return f"{one.value:+.{digits}f} [{one.low:+.{digits}f}, {one.high:+.{digits}f}]"

"""Sooner or more? The stored runs as curves over training and as a ladder of difficulty, every seed shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labkit.base.errors import NotAvailable
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.tables import text_table

from ..training import BEST, EVERY, SEEDS
from .table import DO, runs

__all__ = ["NAMES", "Ladder", "LearningCurves", "ladder", "learning_curves"]

NAMES = {
    "base": "baseline",
    "lime": "LIMe",
    "zeros": "LIMe, zeros first",
    "first-1": "first buffer only",
    "last-2": "layer below only",
    "average": "average of all",
}


@dataclass(frozen=True)
class LearningCurves:
    """Share solved and loss over the working while training: by arm, by seed, one value at every step looked at."""

    steps: tuple[int, ...]
    shares: Mapping[str, Mapping[int, tuple[float, ...]]]
    losses: Mapping[str, Mapping[int, tuple[float, ...]]]
    operands: int

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
        return text_table(head, rows, title=f"{self.operands} operands, {self.steps[-1]} steps")

    def __str__(self) -> str:
        return self.table()


def learning_curves(
    arms: Sequence[str] = ("base", "lime"), *, operands: int = 4, steps: int = 1200, seeds: Sequence[int] | None = None
) -> LearningCurves:
    """Return the stored curves of some arms, each at its best rate; raise `NotAvailable` where an arm has no run."""
    found = {arm: _chosen(arm, operands, steps, seeds) for arm in arms}
    looked = tuple(range(0, steps + 1, EVERY))
    shares = {arm: {run["seed"]: tuple(run["shares"]) for run in held} for arm, held in found.items()}
    losses = {arm: {run["seed"]: tuple(run["losses"]) for run in held} for arm, held in found.items()}
    return LearningCurves(looked, shares, losses, operands)


@dataclass(frozen=True)
class Ladder:
    """What came out of training, by rung: (operands, steps) -> arm -> seed -> (loss over the working, share solved)."""

    rungs: Mapping[tuple[int, int], Mapping[str, Mapping[int, tuple[float, float]]]]

    def lead(self, rung: tuple[int, int], first: str = "base", second: str = "lime") -> Estimate:
        """Return the mean lead of `second` in the share solved, over the seeds that both have (Student's t)."""
        one, other = self.rungs[rung][first], self.rungs[rung][second]
        gaps = [other[seed][1] - one[seed][1] for seed in sorted(set(one) & set(other))]
        return mean_over(gaps, "seeds", method="t", name="lead", unit="share", null=0.0)

    def table(self) -> str:
        """Return one row a rung."""
        rows = []
        for (operands, steps), by_arm in self.rungs.items():
            solved = [" ".join(f"{share:.0%}" for _, share in by_arm[arm].values()) for arm in ("base", "lime")]
            lead = self.lead((operands, steps))
            rows.append([f"{operands}", f"{steps}", *solved, f"{lead.value:+.2f} [{lead.low:+.2f}, {lead.high:+.2f}]"])
        return text_table(["operands", "steps", "baseline", "LIMe", "lead"], rows, title="Share solved, seed by seed")

    def __str__(self) -> str:
        return self.table()


RUNGS = ((3, 1200), (4, 1200), (4, 2400))


def ladder(arms: Sequence[str] = ("base", "lime"), rungs: Sequence[tuple[int, int]] = RUNGS) -> Ladder:
    """Return the stored runs by rung; a rung without runs is left out."""
    found: dict = {}
    for operands, steps in rungs:
        held = {}
        for arm in arms:
            try:
                held[arm] = {run["seed"]: (run["loss"], run["solved"]) for run in _chosen(arm, operands, steps, None)}
            except NotAvailable:
                continue
        if len(held) == len(arms):
            found[operands, steps] = held
    return Ladder(found)


def _chosen(arm: str, operands: int, steps: int, seeds: Sequence[int] | None) -> list[dict]:
    """Return an arm's runs at its best rate in the order of seeds: those promised, or those asked for."""
    lr = BEST.get(arm, BEST["lime"])
    held = runs().where(arm=arm, lr=lr, operands=operands, steps=steps, depth=4, width=16)
    held = [run for run in held if run["seed"] in (seeds or SEEDS)]
    if not held:
        raise NotAvailable(f"There is no run of {arm} with {operands} operands and {steps} steps.", do=DO)
    return sorted(held, key=lambda run: run["seed"])

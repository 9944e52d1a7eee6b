"""The growth race: what each way of getting a large model ended at, and what it cost, by three accounts.

From the stored runs; nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable, unknown
from labkit.measurements.estimate import Estimate, mean_over
from labkit.training.runs import Runs

from ..training.choosing import TRAIN, best_rate

__all__ = [
    "ACCOUNTS",
    "NAMES",
    "SEEDS",
    "GrowthRace",
    "forgetting",
    "growth_race",
    "paired_loss",
    "stored_runs",
]

SEEDS = (31, 32, 33, 34, 35)
CORPUS_SEEDS = (61, 62, 63, 64, 65)  # drawn for the new corpus, once the padded model's best rate was known
NAMES = {
    "source": "small TokenFormer",
    "transformer": "small Transformer",
    "restart": "trained on, not grown",
    "zero-fixed": "grown: zero keys, τ fixed",
    "zero-live": "grown: zero keys, τ live",
    "random-live": "grown: random keys, τ live",
    "duplicate": "grown: duplicates",
    "scratch": "large TokenFormer, new",
    "scratch-transformer": "large Transformer, new",
    "equal-cost-transformer": "large Transformer, new, longer",
    "block-pad": "Transformer, block-padded",
    "clone": "Transformer, cloned",
    "restart-long": "trained on for longer, not grown",
    "zero-fixed-long": "grown: zero keys, for longer",
}
VARIED = {
    "random-live-2": "grown twofold: random keys, τ live",
    "random-live-8": "grown eightfold: random keys, τ live",
    "zero-fixed-2": "grown twofold: zero keys, τ fixed",
    "zero-fixed-8": "grown eightfold: zero keys, τ fixed",
    "frozen": "grown: zero keys, old rows frozen",
    "slower": "grown: zero keys, old rows at a tenth",
}
CONTINUED = {"b-zero-fixed": "source", "b-block-pad": "transformer"}  # trained on facts -> its source
ACCOUNTS = {
    "source counted": "training FLOPs, source included",
    "source not counted": "training FLOPs of the last stage",
    "tokens of the stage": "tokens read in the last stage",
}


@cache
def stored_runs(path: Path | None = None) -> tuple[dict[str, Any], ...]:
    """Return every run of this lesson: settings, losses, curve, cost."""
    path = path or data_dir() / "sweeps" / "03_growth.jsonl"
    if not path.is_file():
        raise NotAvailable(f"{path.name} is not there.", do=TRAIN.format(arm="source", seeds="0 31"))
    return tuple(Runs(path))


def runs_of(arm: str, seeds: Sequence[int] = SEEDS) -> list[dict[str, Any]]:
    """Return an arm's runs at its best rate, in the order of `seeds`; raise `NotAvailable` where one is missing."""
    rate = best_rate(arm, stored_runs())
    known = {run["seed"]: run for run in stored_runs() if run["arm"] == arm and run["lr"] == rate}
    if missing := [seed for seed in seeds if seed not in known]:
        raise NotAvailable(
            f"{arm} was not trained with the seeds {missing}.",
            do=TRAIN.format(arm=arm, seeds=" ".join(map(str, missing))),
        )
    return [known[seed] for seed in seeds]


def _words(arm: str) -> str:
    return f"({(NAMES | VARIED).get(arm, arm)})"


def paired_loss(first: str, second: str, seeds: Sequence[int] = SEEDS) -> Estimate:
    """Return the final loss of one arm minus that of another, paired by seed, each at its own best rate."""
    pairs = zip(runs_of(first, seeds), runs_of(second, seeds))
    gaps = [one["loss"] - other["loss"] for one, other in pairs]
    return mean_over(
        gaps, "seeds", method="t", name=f"{_words(first)} minus {_words(second)}", unit="nats a token", null=0.0
    )


def forgetting(arm: str, seeds: Sequence[int] = CORPUS_SEEDS) -> Estimate:
    """Return what an arm that learned facts lost on stories: its loss on stories minus that of its own source.

    arm: "b-zero-fixed" (a TokenFormer grown by zero keys) or "b-block-pad" (a Transformer). Nats a token, over seeds.
    """
    if arm not in CONTINUED:
        raise unknown("arm on the new corpus", arm, CONTINUED)
    pairs = zip(runs_of(arm, seeds), runs_of(CONTINUED[arm], seeds))
    lost = [after["losses"]["stories"] - before["losses"]["stories"] for after, before in pairs]
    return mean_over(
        lost, "seeds", method="t", name="loss on stories, after minus before,", unit="nats a token", null=0.0
    )


@dataclass(frozen=True)
class Entrant:
    """One way to a model: its final loss over seeds, its cost by each account of `ACCOUNTS`, its weights."""

    arm: str
    loss: Estimate
    costs: dict[str, float]
    weights: int

    @property
    def name(self) -> str:
        """The arm in words."""
        return NAMES[self.arm]


@dataclass(frozen=True)
class GrowthRace:
    """All entrants. FLOPs are in units of 10⁹."""

    entrants: tuple[Entrant, ...]

    def of(self, arm: str) -> Entrant:
        """Return one entrant."""
        return next(one for one in self.entrants if one.arm == arm)

    def table(self) -> str:
        """Return one line for each entrant: loss with its interval, weights, cost with the source and without."""
        lines = [f"{'':<32}{'loss':>7}   {'95% interval':<16}{'weights':>9}{'all GFLOPs':>12}{'last stage':>12}"]
        for one in self.entrants:
            interval = f"{one.loss.low:.3f} to {one.loss.high:.3f}"
            costs = "".join(f"{one.costs[account]:>12,.0f}" for account in list(ACCOUNTS)[:2])
            lines.append(f"{one.name:<32}{one.loss.value:>7.3f}   {interval:<16}{one.weights:>9,}{costs}")
        return "\n".join(lines)


def growth_race(arms: Sequence[str] = tuple(NAMES), seeds: Sequence[int] = SEEDS) -> GrowthRace:
    """Return the race of some arms over seeds, each at its own best learning rate."""
    entrants = []
    for arm in arms:
        found = runs_of(arm, seeds)
        one = found[0]
        costs = {
            "source counted": (one["flops"] + one["source_flops"]) / 1e9,
            "source not counted": one["flops"] / 1e9,
            "tokens of the stage": float(one["tokens"]),
        }
        loss = mean_over([run["loss"] for run in found], "seeds", method="t", name=NAMES[arm], unit="nats a token")
        entrants.append(Entrant(arm, loss, costs, one["params"]))
    return GrowthRace(tuple(entrants))

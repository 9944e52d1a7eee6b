"""The loss of both kinds at every learning rate that was tried on one seed, beside what a seed does by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import stdev

from labkit.base.results import Result
from labkit.measurements.tables import text_table

from .block_runs import DEPTH_KINDS, BlockRuns

__all__ = ["LossByRate", "loss_by_rate"]

CHOOSING, FRESH = 0, (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class LossByRate(Result):
    """Loss on unseen stories, nats a token: kind -> one number for each of `rates`, all of one seed.

    seed_sd: kind -> standard deviation of the loss over the fresh seeds, at that kind's own best rate.
    """

    rates: tuple[float, ...]
    losses: Mapping[str, tuple[float, ...]]
    seed_sd: Mapping[str, float]

    def table(self) -> str:
        """Return one row a rate, one column a kind; the last row holds the standard deviations."""
        rows = [
            [f"{rate:g}", *(f"{line[n]:.3f}" for line in self.losses.values())] for n, rate in enumerate(self.rates)
        ]
        rows.append(["sd over seeds", *(f"{self.seed_sd[kind]:.3f}" for kind in self.losses)])
        return text_table(["learning rate", *self.losses], rows, title="Loss on unseen stories, nats a token")


def loss_by_rate(recipes: tuple[str, ...] = ("depth/pre", "depth/lns")) -> LossByRate:
    """Return the stored losses of seed 0 at every rate that all `recipes` were trained at."""
    runs = BlockRuns.load()
    tried = {recipe: {run.lr: run.loss for run in runs.of(recipe, seeds=[CHOOSING])} for recipe in recipes}
    rates = tuple(sorted(set.intersection(*map(set, tried.values()))))
    fresh = {
        recipe: [run.loss for run in runs.of(recipe, lr=min(at, key=at.__getitem__), seeds=FRESH)]
        for recipe, at in tried.items()
    }
    return LossByRate(
        rates,
        {DEPTH_KINDS[recipe]: tuple(at[rate] for rate in rates) for recipe, at in tried.items()},
        {DEPTH_KINDS[recipe]: stdev(losses) for recipe, losses in fresh.items()},
    )

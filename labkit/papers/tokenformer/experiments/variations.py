"""Growth varied: other sizes beside their controls, and old rows held back on a new corpus; from the stored runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.measurements.estimate import Estimate, mean_over

from .race import runs_of

__all__ = ["FRESH_SEEDS", "GrowthVariations", "held_back_rows", "other_sizes"]

FRESH_SEEDS = (41, 42, 43, 44, 45)  # drawn for these arms, after the race was known

# What was grown, and the arm it is compared with: the same model trained on for as many steps.
SIZES = {
    "2 times the tokens": ("zero-fixed-2", "restart"),
    "4 times": ("zero-fixed", "restart"),
    "8 times": ("zero-fixed-8", "restart"),
    "2 times, and 2 again": ("zero-fixed-twice", "restart-twice"),
    "4 times, from a wider source": ("wide-zero-fixed", "wide-restart"),
}
RANDOM = {
    "2 times, random keys": ("random-live-2", "restart"),
    "4 times, random keys": ("random-live", "restart"),
    "8 times, random keys": ("random-live-8", "restart"),
}
HELD_BACK = {
    "all trained": "b-zero-fixed",
    "old at a tenth": "b-slower",
    "old frozen": "b-frozen",
    "not grown": "b-restart",
}


@dataclass(frozen=True)
class GrowthVariations:
    """Estimates over seeds by variation and by what was measured, nats a token."""

    title: str
    unit: str
    estimates: dict[str, dict[str, Estimate]]

    def __getitem__(self, name: str) -> dict[str, Estimate]:
        return self.estimates[name]

    def table(self) -> str:
        """Return one line for each variation: values with their 95% intervals."""
        width = max(map(len, self.estimates))
        head = " " * width + "".join(f"{name:>27}" for name in next(iter(self.estimates.values())))
        lines = [
            f"{name:{width}}" + "".join(f"{one.value:>+9.3f} [{one.low:+.3f}, {one.high:+.3f}]" for one in row.values())
            for name, row in self.estimates.items()
        ]
        return "\n".join([head, *lines])


def other_sizes(seeds: Sequence[int] = FRESH_SEEDS) -> GrowthVariations:
    """Return for each size the final loss of what was grown minus that of what was trained on, paired by seed."""
    made = {}
    for name, (grown, control) in (SIZES | RANDOM).items():
        pairs = zip(runs_of(grown, seeds), runs_of(control, seeds))
        made[name] = {"minus not grown": _mean([one["loss"] - other["loss"] for one, other in pairs])}
    return GrowthVariations("Final loss, grown minus not grown", "loss on unseen stories, nats a token", made)


def held_back_rows(seeds: Sequence[int] = FRESH_SEEDS) -> GrowthVariations:
    """Return for each treatment of the old rows the final loss on facts, and by how much that on stories rose."""
    before, made = runs_of("source", seeds), {}
    for name, arm in HELD_BACK.items():
        after = runs_of(arm, seeds)
        made[name] = {
            "facts, loss": _mean([run["loss"] for run in after]),
            "stories, forgotten": _mean(
                [run["losses"]["stories"] - source["losses"]["stories"] for run, source in zip(after, before)]
            ),
        }
    return GrowthVariations("After 60 steps on facts", "nats a token", made)


def _mean(values: list[float]) -> Estimate:
    return mean_over(values, "seeds", method="t", unit="nats a token", null=0.0)

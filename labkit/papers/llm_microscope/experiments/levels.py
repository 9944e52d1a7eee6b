"""Which level holds the past? The reader is given one level in place of all, with an adapter trained for it.

The decoder is the same for every level, and so is the training: 100 steps. `training.py` makes the runs, whose C on
unseen stories is stored in data/sweeps/10_levels.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.measurements import Estimate, mean_over
from labkit.measurements.tables import text_table
from labkit.training import Runs

__all__ = ["LevelProfile", "single_levels"]


@dataclass(frozen=True)
class LevelProfile:
    """C and information gain in nats a word, estimates over stories, of single levels and of all levels pooled.

    weights: the weight of each level where all are pooled; they sum to 1.
    """

    levels: tuple[int, ...]
    C: tuple[Estimate, ...]
    gain: tuple[Estimate, ...]
    pooled: Estimate
    weights: tuple[float, ...]

    def table(self) -> str:
        """Return one row a level, and one for all of them."""
        rows = [
            [str(level), f"{C.value:.3f}", f"{gain.value:.3f}", f"{gain.low:.3f} to {gain.high:.3f}",
             f"{self.weights[level]:.3f}"]
            for level, C, gain in zip(self.levels, self.C, self.gain)
        ]  # fmt: skip
        rows.append(["all", "", f"{self.pooled.value:.3f}", f"{self.pooled.low:.3f} to {self.pooled.high:.3f}", "1"])
        title = "One level in place of all, nats a word, and each level's weight where all are pooled"
        return text_table(["level", "C", "gain", "interval", "weight"], rows, title=title)


def single_levels(path: Path | None = None) -> LevelProfile:
    """Return the stored profile; raise `NotAvailable` where it is missing."""
    runs = {tuple(run["given"]): run for run in Runs(path or data_dir() / "sweeps" / "10_levels.jsonl")}
    singles = sorted(given for given in runs if len(given) == 1)
    if not singles or () not in runs or len(max(runs, key=len)) == 1:
        raise NotAvailable(
            "No level was read alone yet, or not all that is compared with.",
            expected="data/sweeps/10_levels.jsonl",
            do="python -m labkit.papers.llm_microscope.training single, then copy runs/10/levels.jsonl there",
        )
    nothing, pooled = runs[()]["C"], runs[max(runs, key=len)]

    def over_stories(values: list[float], name: str) -> Estimate:
        return mean_over(values, "stories", name=name, unit="nats a word")

    def gain_of(C: list[float], name: str) -> Estimate:
        return over_stories([b - a for a, b in zip(C, nothing)], f"gain, {name}")

    return LevelProfile(
        levels=tuple(level for (level,) in singles),
        C=tuple(over_stories(runs[given]["C"], f"C, level {given[0]}") for given in singles),
        gain=tuple(gain_of(runs[given]["C"], f"level {given[0]}") for given in singles),
        pooled=gain_of(pooled["C"], "all levels"),
        weights=tuple(pooled["weights"]),
    )

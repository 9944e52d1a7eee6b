"""Which level holds the past? C with one level in place of all, each with an adapter trained for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.measurements.tables import text_table
from labkit.training import Runs

__all__ = ["LevelProfile", "single_levels"]


@dataclass(frozen=True)
class LevelProfile:
    """C in nats a word when the reader is given one level alone; the decoder is the same for all."""

    levels: tuple[int, ...]
    C: tuple[float, ...]

    def table(self) -> str:
        """Return one row a level."""
        rows = [[str(level), f"{value:.3f}"] for level, value in zip(self.levels, self.C)]
        return text_table(["level", "C"], rows, title="One level in place of all, nats a word")


def single_levels(path: Path | None = None) -> LevelProfile:
    """Return the stored profile; raise `NotAvailable` where it is missing."""
    runs = sorted(Runs(path or data_dir() / "sweeps" / "10_levels.jsonl"), key=lambda run: run["level"])
    if not runs:
        raise NotAvailable(
            "No level was read alone yet.",
            expected="data/sweeps/10_levels.jsonl",
            do="python -m labkit.papers.llm_microscope.training single, then copy runs/10/levels.jsonl there",
        )
    return LevelProfile(tuple(run["level"] for run in runs), tuple(run["C"] for run in runs))

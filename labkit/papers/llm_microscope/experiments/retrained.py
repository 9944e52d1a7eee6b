"""The 2 × 2 that the paper lacks: models that went on reading texts whole or stripped, asked about both.

lab/deep went on by next-token loss alone for a few dozen steps, five seeds an arm; `training.py` makes the runs, whose
answers are stored in data/sweeps/10_removal.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.measurements import Estimate, mean_over
from labkit.measurements.tables import text_table
from labkit.training import Runs

__all__ = ["TwoByTwo", "two_by_two"]

SHORT = {"full": "whole texts", "intact": "whole texts", "punctuation": "no punctuation", "stop words": "no stop words"}


@dataclass(frozen=True)
class TwoByTwo:
    """Accuracy by what was read in training and what is read in the test; each an estimate over seeds."""

    cells: Mapping[tuple[str, str], Estimate]
    steps: int
    questions: int
    chance: float = 0.25

    @property
    def trained(self) -> tuple[str, ...]:
        """What the arms read."""
        return tuple(dict.fromkeys(arm for arm, _ in self.cells))

    @property
    def tested(self) -> tuple[str, ...]:
        """What the tests read."""
        return tuple(dict.fromkeys(test for _, test in self.cells))

    def table(self) -> str:
        """Return a row for each arm and a column for each test."""
        rows = []
        for arm in self.trained:
            found = [self.cells.get((arm, test)) for test in self.tested]
            said = [f"{one.value:.2f} ({one.low:.2f}–{one.high:.2f})" if one else "not asked" for one in found]
            rows.append([named(arm), *said])
        first = next(iter(self.cells.values()))
        title = f"Right answers to {self.questions} questions, mean over {first.n} seeds after {self.steps} steps"
        return text_table(["went on reading", *(f"test: {named(test)}" for test in self.tested)], rows, title=title)


def two_by_two(path: Path | None = None) -> TwoByTwo:
    """Return the stored runs as a table; raise `NotAvailable` where they are missing."""
    runs = list(Runs(path or data_dir() / "sweeps" / "10_removal.jsonl"))
    if not runs:
        raise NotAvailable(
            "The runs of this table are not here.",
            expected="data/sweeps/10_removal.jsonl",
            do="python -m labkit.papers.llm_microscope.training removal",
        )
    shares: dict[tuple[str, str], list[float]] = {}
    for run in sorted(runs, key=lambda run: run["seed"]):
        for test, right in run["right"].items():
            shares.setdefault((run["arm"], test), []).append(sum(right) / len(right))
    cells = {
        key: mean_over(values, "seeds", method="t", name=f"trained on {key[0]}, tested on {key[1]}", unit="share")
        for key, values in shares.items()
    }
    return TwoByTwo(cells, runs[0]["steps"], len(next(iter(runs[0]["right"].values()))))


def named(condition: str) -> str:
    """Return a condition as a reader calls it."""
    return SHORT.get(condition, "fewer content words")

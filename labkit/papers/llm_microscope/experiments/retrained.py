"""The 2 × 2 that the paper lacks: models that read texts whole or stripped, asked about both.

two_by_two    lab/deep went on by next-token loss alone for a few dozen steps, five seeds an arm; the model before that
              stands beside them
from_scratch  small models that read nothing else, five seeds an arm

`training` makes the runs, whose answers are stored in data/sweeps/10_removal.jsonl and 10_scratch.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.base.data import data_dir
from labkit.base.errors import BadInput, NotAvailable, unknown
from labkit.measurements import Estimate, mean_over
from labkit.measurements.tables import text_table
from labkit.training import Runs

from ..task.removal import AS_MANY, UNTRAINED

__all__ = ["TwoByTwo", "from_scratch", "two_by_two"]

SHORT = {UNTRAINED: "nothing more", "full": "whole texts", "intact": "whole texts"}


@dataclass(frozen=True)
class TwoByTwo:
    """Accuracy by what was read in training and what is read in the test: over seeds, one value for each of `seeds`.

    The model as trained is one model: its estimates are over questions.
    """

    cells: Mapping[tuple[str, str], Estimate]
    seeds: tuple[int, ...]
    steps: int
    questions: int
    chance: float = 0.25
    how: str = "went on reading"

    @property
    def trained(self) -> tuple[str, ...]:
        """What the arms read."""
        return tuple(dict.fromkeys(arm for arm, _ in self.cells))

    @property
    def tested(self) -> tuple[str, ...]:
        """What the tests read."""
        return tuple(dict.fromkeys(test for _, test in self.cells))

    def by_seed(self, arm: str, test: str) -> dict[int, float]:
        """Return the accuracy of each seed's model of an arm; raise `UnknownName` for a cell that was not asked."""
        if (arm, test) not in self.cells or arm == UNTRAINED:
            raise unknown("cell", f"{arm}, {test}", [", ".join(key) for key in self.cells if key[0] != UNTRAINED])
        return dict(zip(self.seeds, self.cells[arm, test].per_unit, strict=True))

    def table(self, tests: Sequence[str] | None = None) -> str:
        """Return a row for each arm and a column for each test (default: all of them)."""
        tests, rows = self.tested if tests is None else tests, []
        for arm in self.trained:
            found = [self.cells.get((arm, test)) for test in tests]
            said = [f"{one.value:.2f} ({one.low:.2f}–{one.high:.2f})" if one else "not asked" for one in found]
            rows.append([named(arm), *said])
        title = (
            f"Right answers to {self.questions} questions, mean over {len(self.seeds)} seeds after {self.steps} steps"
        )
        return text_table([self.how, *(f"test: {named(test)}" for test in tests)], rows, title=title)


def two_by_two(path: Path | None = None) -> TwoByTwo:
    """Return the stored runs of models that read on as a table; raise `NotAvailable` where they are missing."""
    return _grid(_stored("removal", path), "went on reading")


def from_scratch(path: Path | None = None) -> TwoByTwo:
    """Return the stored runs of models that read one kind of text from the start; else raise `NotAvailable`."""
    return _grid(_stored("scratch", path), "read from the start")


def _stored(what: str, path: Path | None) -> list[dict[str, Any]]:
    runs = list(Runs(path or data_dir() / "sweeps" / f"10_{what}.jsonl"))
    if not runs:
        raise NotAvailable(
            "The runs of this table are not here.",
            expected=f"data/sweeps/10_{what}.jsonl",
            do=f"python -m labkit.papers.llm_microscope.training {what}",
        )
    return runs


def _grid(runs: Sequence[Mapping[str, Any]], how: str) -> TwoByTwo:
    trained = sorted((run for run in runs if run["arm"] != UNTRAINED), key=lambda run: run["seed"])
    cells = {
        (UNTRAINED, test): mean_over(right, "questions", name=f"{UNTRAINED}, tested on {test}", unit="share")
        for run in runs
        if run["arm"] == UNTRAINED
        for test, right in run["right"].items()
    }
    shares: dict[tuple[str, str], dict[int, float]] = {}
    for run in trained:
        for test, right in run["right"].items():
            shares.setdefault((run["arm"], test), {})[run["seed"]] = sum(right) / len(right)
    seeds = tuple(dict.fromkeys(run["seed"] for run in trained))
    for (arm, test), values in sorted(shares.items(), key=lambda item: item[0][0] != "full"):
        if tuple(values) != seeds:
            raise BadInput(f"Arm {arm} was run with seeds {list(values)}.", expected=f"seeds {list(seeds)}, each once")
        name = f"trained on {arm}, tested on {test}"
        cells[arm, test] = mean_over(list(values.values()), "seeds", method="t", name=name, unit="share")
    return TwoByTwo(cells, seeds, trained[0]["steps"], len(next(iter(trained[0]["right"].values()))), how=how)


def named(condition: str) -> str:
    """Return what an arm read, or a test asks about, as a reader calls it."""
    control = condition.rpartition(AS_MANY)[0]
    return SHORT.get(condition, f"texts without {f'as many {control}' if control else condition}")

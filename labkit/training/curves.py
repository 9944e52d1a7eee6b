"""Training curves of many runs in one small file: what was tried, how it went, and what diverged.

The file is JSON, one line per run, losses rounded to 1e-4. It is read off the logs of the runs, failed ones included.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.base.errors import BadInput, BrokenFile, unknown
from labkit.base.rows import Rows

from .log import read_log

__all__ = ["Curve", "Curves", "collect"]

TAIL = 0.1  # of the logged steps, over which the last loss is averaged


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One run: `loss[i]` (nats a token, mean since the last entry) and `gradient[i]` at `step[i]`, after `tokens[i]`.

    status: finished, diverged (said by its last entry), or unfinished. planned: the steps of its recipe.
    model: the fields of its config.
    """

    recipe: str
    size: str
    lr: float
    seed: int
    status: str
    planned: int
    model: dict[str, Any]
    step: tuple[int, ...]
    tokens: tuple[int, ...]
    loss: tuple[float, ...]
    gradient: tuple[float, ...]
    said: str = ""

    @property
    def last_loss(self) -> float:
        """The mean of the last tenth of the logged losses; NaN for a run that did not finish."""
        if self.status != "finished" or not self.loss:
            return math.nan
        tail = self.loss[-max(1, round(TAIL * len(self.loss))) :]
        return sum(tail) / len(tail)


@dataclass(frozen=True)
class Curves(Rows[Curve]):
    """Runs in the order of recipe, learning rate and seed."""

    form, row, what, remedy = "labkit curves 1", Curve, "training curves", "restore it, or labkit grid --save"

    @property
    def diverged(self) -> list[Curve]:
        """The runs that ended in a loss or gradient that is no number."""
        return [run for run in self.runs if run.status == "diverged"]

    def of(self, recipe: str, lr: float | None = None) -> list[Curve]:
        """Return the runs of a recipe, at one learning rate or at all of them."""
        if recipe not in self.recipes:
            raise unknown("recipe among these runs", recipe, self.recipes)
        return [run for run in self.runs if run.recipe == recipe and lr in (None, run.lr)]

    def best_lr(self, recipe: str) -> float:
        """Return the learning rate at which all seeds finished, with the lowest mean last loss.

        Raises `BadInput` when there is none.
        """
        found = {}
        for lr in {run.lr for run in self.of(recipe)}:
            losses = [run.last_loss for run in self.of(recipe, lr)]
            if not any(map(math.isnan, losses)):
                found[lr] = sum(losses) / len(losses)
        if not found:
            raise BadInput(
                f"No learning rate of {recipe} has all its runs finished.", do="finish the grid, or try lower"
            )
        return min(found, key=found.get)

    def table(self) -> str:
        """Return one line per run, and what the diverged ones said."""
        lines = [f"{'recipe':<24} {'lr':>8} {'seed':>4}  {'status':<10} {'steps':>11} {'tokens':>12} {'last loss':>9}"]
        for run in self.runs:
            loss = "" if math.isnan(run.last_loss) else f"{run.last_loss:.4f}"
            done, tokens = (run.step[-1], run.tokens[-1]) if run.step else (0, 0)
            steps = f"{done}/{run.planned}"
            lines.append(
                f"{run.recipe:<24} {run.lr:>8.3g} {run.seed:>4}  {run.status:<10} {steps:>11} {tokens:>12,} {loss:>9}"
            )
        said = [f"{run.recipe}, lr {run.lr:g}, seed {run.seed} diverged: {run.said}" for run in self.diverged]
        return "\n".join(lines + said)

    def __str__(self) -> str:
        return self.table()


def collect(folders: Sequence[str | os.PathLike]) -> Curves:
    """Return the curves of the runs in `folders`, read off their logs."""
    runs = [_curve(Path(folder)) for folder in folders]
    return Curves(tuple(sorted(runs, key=lambda run: (run.recipe, run.size, run.lr, run.seed))))


def _curve(folder: Path) -> Curve:
    entries = read_log(folder / "log.jsonl")
    started = next((entry for entry in entries if entry["event"] == "start"), None)
    if started is None:
        raise BrokenFile(f"The log in {folder} has no start.", do="remove the folder; the run had not begun")
    steps = [entry for entry in entries if entry["event"] == "step"]
    ended = [entry for entry in entries if entry["event"] in ("finished", "diverged")]
    recipe, end = started["recipe"], ended[-1] if ended else {"event": "unfinished"}
    said = f"loss {end['loss']}, gradient {end['gradient']} at step {end['step']}" if end["event"] == "diverged" else ""
    return Curve(
        recipe=recipe["name"],
        size=recipe["size"],
        lr=recipe["lr"],
        seed=started["seed"],
        status=end["event"],
        planned=recipe["steps"],
        model=recipe["model"],
        step=tuple(entry["step"] for entry in steps),
        tokens=tuple(entry["tokens"] for entry in steps),
        loss=tuple(round(entry["loss"], 4) for entry in steps),
        gradient=tuple(round(entry["gradient"], 4) for entry in steps),
        said=said,
    )

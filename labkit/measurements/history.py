"""How a model came to what it can do: its vital signs at each checkpoint that its run kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labkit.base.data import data_dir
from labkit.base.errors import BadInput, BrokenFile
from labkit.base.results import Result
from labkit.training.log import Log

from .tables import text_table
from .through_training import kept_models
from .vital_signs import SIGNS, vitals

__all__ = ["History", "Reading", "take_history"]


@dataclass(frozen=True)
class Reading:
    """One sign through training: value and interval at each step; `null` is chance, or the floor."""

    name: str
    unit: str
    null: float
    values: tuple[tuple[float, float, float], ...]  # (value, low, high)


@dataclass(frozen=True, kw_only=True)
class History(Result):
    """The signs of one run; `steps` and `tokens` (read up to there) go with each reading's values.

    n: questions, documents or stories behind every value. seed: of the questions, the same at every step.
    """

    model: str
    n: int
    seed: int
    steps: tuple[int, ...]
    tokens: tuple[int, ...]
    signs: dict[str, Reading]

    def table(self) -> str:
        """Return one line per step."""
        rows = [
            [f"{step:,}", f"{read / 1e6:.2f}", *(f"{sign.values[place][0]:.2f}" for sign in self.signs.values())]
            for place, (step, read) in enumerate(zip(self.steps, self.tokens))
        ]
        title = f"Vital signs of {self.model} through training, {self.n} texts of each kind"
        return text_table(["step", "million tokens", *(sign.name for sign in self.signs.values())], rows, title=title)

    @classmethod
    def load(cls, name: str | Path) -> History:
        """Return a saved history: of a shipped model by its name ("lab/base"), or from a file."""
        path = Path(name) if str(name).endswith(".json") else history_file(str(name))
        found = cls.read(path, do="restore it, or take it again: labkit train NAME --history")
        if any(
            len(column) != len(found.steps) for column in (found.tokens, *(one.values for one in found.signs.values()))
        ):
            raise BrokenFile(f"The columns of {path} are of different lengths.", do="restore it, or take it again")
        return found


def history_file(model: str, seed: int = 0) -> Path:
    """Return where the history of a shipped model lies, or that of its recipe's run from another seed than 0."""
    return data_dir() / "sweeps" / f"{model.replace('/', '_')}_history{f'_{seed}' if seed else ''}.json"


def take_history(folder: str | Path, model: str, n: int = 64, *, seed: int = 0) -> History:
    """Return the vital signs at every checkpoint in a run's folder, the last included, over `n` texts of each kind.

    Raises `BadInput` for a folder without checkpoints.
    """
    folder = Path(folder)
    lines = [entry for entry in Log(folder / "log.jsonl").entries() if entry["event"] == "step"]
    logged, read = ([entry[name] for entry in lines] for name in ("step", "tokens"))
    taken = {name: vitals(kept, n, seed=seed) for name, kept in kept_models(folder)}
    if not lines:
        raise BadInput(f"The log in {folder} has no line of a step.", expected="the log that the run wrote")
    steps = [logged[-1] if name == "end" else int(name.split()[1]) for name in taken]
    signs = {}
    for key in (key for key in SIGNS if all(key in one.signs for one in taken.values())):
        found = [one.signs[key] for one in taken.values()]
        values = tuple((sign.value, sign.low, sign.high) for sign in found)
        signs[key] = Reading(found[0].name, found[0].unit, found[0].null, values)
    # Not every kept step has a line of its own; steps read nearly equal numbers of tokens.
    tokens = tuple(round(float(count)) for count in np.interp(steps, [0, *logged], [0, *read]))
    return History(model=model, n=n, seed=seed, steps=tuple(steps), tokens=tokens, signs=signs)

"""A sweep while it is being made: its header, what is done, its file, and whether an old one may be continued."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from labkit.anatomy import fingerprint, module_of
from labkit.base.errors import BadInput, BrokenFile
from labkit.base.interrupts import uninterruptible
from labkit.interventions import Plan
from labkit.measurements.measures import Measure
from labkit.measurements.runs import text_hash

from .engine import Engine
from .keys import plan_key, plan_label, plan_tables
from .result import Sweep, rounded

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Step", "SweepInProgress", "header_of", "to_resume"]

SAVE_EVERY = 5.0  # seconds


class Step(NamedTuple):
    """What `progress` is told after each plan; `change` is the measure against the intact model."""

    done: int
    total: int
    label: str
    change: float


class SweepInProgress:
    """A sweep while it is being made: values so far, and its file."""

    def __init__(
        self,
        header: dict[str, Any],
        old: Sweep | None,
        engine: Engine,
        intact: list[float],
        path: str | os.PathLike | None,
    ):
        self.header, self.engine, self.path = header, engine, path
        self.lengths = [len(ids) for ids in engine.documents]
        values, weights = engine.measure.fold(intact, self.lengths)
        self.intact, self.weights = rounded(values), rounded(weights)
        self.values = {} if old is None else dict(old.values)
        self.before = {} if old is None else old.work
        self.total = len({plan_key(plan) for plan in header["plans"]})
        self.saved_at, self.warned = time.monotonic(), False
        if path is not None:
            self.sweep().save(path)  # a place that cannot be written to is told now, not after an hour

    def add(self, plan: Plan, scores: list[float], progress: Callable[[Step], None] | None) -> None:
        """Keep one plan's scores, tell about it, and save if it is time."""
        values, _ = self.engine.measure.fold(scores, self.lengths)
        self.values[plan_key(plan)] = rounded(values)
        if progress is not None:
            change = np.average(np.subtract(rounded(values), self.intact), weights=self.weights)
            progress(Step(len(self.values), self.total, plan_label(plan), float(change)))
        if time.monotonic() - self.saved_at > SAVE_EVERY:
            self.save()

    def sweep(self) -> Sweep:
        """Return what is done so far."""
        work = {name: count + self.before.get(name, 0) for name, count in self.engine.visits.items()}
        return Sweep(
            **self.header,
            intact=self.intact,
            weights=self.weights,
            values=dict(self.values),
            engine=self.engine.kind,
            reason=self.engine.reason,
            work=work,
        )

    @uninterruptible
    def save(self) -> None:
        """Save what is done, if there is a path; a disk that refuses costs a warning, not the values in memory."""
        if self.path is None:
            return
        try:
            self.sweep().save(self.path)
        except BrokenFile as error:
            if not self.warned:
                warnings.warn(f"The sweep goes on and is not saved. {error}", RuntimeWarning, stacklevel=2)
            self.warned = True
        self.saved_at = time.monotonic()


def header_of(model: ModelLike, plans: list[Plan], texts: list[Tensor], measure: Measure) -> dict[str, Any]:
    """Return what a sweep says of itself before anything is measured."""
    return {
        "model": str(getattr(model, "name", type(module_of(model)).__name__)),
        "fingerprint": fingerprint(model),
        "text": text_hash(texts),
        "documents": len(texts),
        "tokens": sum(map(len, texts)),
        "measure": measure.name,
        "unit": measure.unit,
        "over": measure.over,
        "labels": tuple(map(plan_label, plans)),
        "plans": tuple(map(plan_tables, plans)),
    }


def to_resume(header: dict[str, Any], resume: Sweep | None, path: str | os.PathLike | None) -> Sweep | None:
    """Return the sweep to go on with, if there is one; raise `BadInput` when it is not of the same kind."""
    where = "The sweep to resume"
    if path is not None and Path(path).exists():
        where, resume = str(path), Sweep.load(path)
    if resume is None:
        return None
    differs = [
        f"{what} ({getattr(resume, name)}, now {header[name]})"
        for name, what in (("fingerprint", "the model"), ("text", "the text"), ("measure", "the measure"))
        if getattr(resume, name) != header[name]
    ]
    if [plan_key(plan) for plan in resume.plans] != [plan_key(plan) for plan in header["plans"]]:
        differs.append(f"the plans ({_first_difference(resume.labels, header['labels'])})")
    if differs:
        raise BadInput(
            f"{where} was made with another {' and another '.join(one.removeprefix('the ') for one in differs)}.",
            expected="the model, text, measure and plans it was begun with",
            do="choose another path, or move the old file away",
        )
    return resume


def _first_difference(old: Sequence[str], new: Sequence[str]) -> str:
    for number, (before, now) in enumerate(zip(old, new)):
        if before != now:
            return f"plan {number} was {before!r}, now {now!r}"
    return f"{len(old)} then, {len(new)} now"

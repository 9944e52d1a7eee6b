"""Which learning rate is an arm's own: one rule, for training and for whoever reads its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labkit import training
from labkit.base.errors import unknown

__all__ = ["CHOOSING", "TRAIN", "best_rate"]

CHOOSING = 0  # the seed on which learning rates are chosen; no claim uses it
TRAIN = (
    "python -m labkit.papers.tokenformer.training --arms {arm} --seeds {seeds}, "
    "then copy runs/03/growth.jsonl to data/sweeps/03_growth.jsonl"
)


def best_rate(arm: str, runs: Iterable[Mapping[str, Any]]) -> float:
    """Return the learning rate at which an arm had the lowest loss on the choosing seed.

    Raises `UnknownName` for an arm that is not among the runs, `NotAvailable` where all of its runs diverged.
    """
    runs = list(runs)
    if arm not in (known := {run["arm"] for run in runs}):
        raise unknown("arm with runs", arm, known)
    tried = [run for run in runs if run["arm"] == arm and run["seed"] == CHOOSING]
    do = TRAIN.format(arm=arm, seeds=CHOOSING) + "; where all diverged, lower the rates in arms.py"
    return training.best_rate(tried, do=do)

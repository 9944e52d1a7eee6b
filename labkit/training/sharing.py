"""Many runs shared by several processes, and the learning rate that they speak for.

runs = Runs("runs/04/needle.jsonl")
cells = [{"arm": arm, "lr": lr, "seed": 0} for arm, lr in product(ARMS, RATES)]
for found in share(runs, cells, train_one, minutes=30):
    print(found)
lr = best_rate(runs.where(arm="softmax", seed=0))
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from filelock import FileLock, Timeout

from labkit.base.errors import NotAvailable

from .runs import Runs

__all__ = ["best_rate", "share"]


def share(
    runs: Runs,
    cells: Iterable[Mapping[str, Any]],
    train: Callable[..., Mapping[str, Any]],
    *,
    minutes: float = math.inf,
) -> Iterator[dict[str, Any]]:
    """Make each run of `cells` that is not yet known, and yield it; none is begun after so many minutes.

    train: called with a cell's settings by name. A run that another process is making is left to it.
    """
    end = time.monotonic() + 60 * minutes
    runs.path.parent.mkdir(parents=True, exist_ok=True)
    for settings in cells:
        if runs.find(**settings) is not None:
            continue
        if time.monotonic() >= end:
            return
        name = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode()).hexdigest()[:12]
        try:
            with FileLock(f"{runs.path}.{name}.lock", timeout=0):
                if runs.find(**settings) is not None:  # another process made it in the meantime
                    continue
                found = runs.do(settings, lambda settings=settings: train(**settings))
        except Timeout:
            continue
        yield found


def best_rate(
    runs: Iterable[Mapping[str, Any]], by: str = "loss", *, highest: bool = False, do: str = "train the pilot runs"
) -> float:
    """Return the learning rate of the runs with the lowest mean of `by` (highest: the highest); of equals the lowest.

    Diverged runs do not count. Raises `NotAvailable`, with what to do, where no run is left.
    """
    found: dict[float, list[float]] = {}
    for run in runs:
        if not run.get("diverged"):
            found.setdefault(run["lr"], []).append(run[by])
    if not found:
        raise NotAvailable("No learning rate was tried.", expected="one run that did not diverge", do=do)
    sign = -1 if highest else 1
    return min(found, key=lambda lr: (sign * sum(found[lr]) / len(found[lr]), lr))

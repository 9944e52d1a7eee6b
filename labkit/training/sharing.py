"""Many runs shared by several processes, and the learning rate that they speak for.

runs = Runs("runs/04/needle.jsonl")
cells = [{"arm": arm, "lr": lr, "seed": 0} for arm, lr in product(ARMS, RATES)]
for found in share(runs, cells, train_one, minutes=30):
    print(found)
lr = best_rate(runs.where(arm="softmax", seed=0))

Or, instead of a list, rates until the best has a worse one on either side: next_rate.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from filelock import FileLock, Timeout

from labkit.base.errors import NotAvailable

from .runs import Runs

__all__ = ["best_rate", "next_rate", "share"]

WAIT = 0.2  # seconds before looking again, where another process is at work


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
            time.sleep(WAIT)  # cells that hang on that run's outcome come up again at once
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


def next_rate(tried: Sequence[Mapping[str, Any]], first: Sequence[float], by: str = "loss") -> float | None:
    """Return the learning rate to try next; None when the best of those `tried` has a lower and a higher one beside it.

    The rates of `first` come first, then half the lowest or twice the highest, for as long as that is the best. tried:
    runs of one arm, judged by the least mean of `by`; one that diverged is worse than any other.
    """
    rates = {run["lr"] for run in tried}
    if missing := [lr for lr in first if lr not in rates]:
        return missing[0]
    best = best_rate(tried, by)
    return best / 2 if best == min(rates) else 2 * best if best == max(rates) else None

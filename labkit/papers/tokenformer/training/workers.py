"""Many runs, shared by several processes: what is known is not made again, what waits for another run waits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

from filelock import FileLock, Timeout

from . import arms
from .choosing import CHOOSING, best_rate
from .running import make, place_of, runs

__all__ = ["work"]


def work(names: Sequence[str], seeds: Sequence[int], limit: float, folder: str | Path) -> None:
    """Make every run that is asked for and not yet known, for at most `limit` seconds; several processes may share.

    On the choosing seed an arm is trained at each of its rates, on others at the best of them, once that is known.
    A run in another process's hands is left to it, and one whose source is not there yet waits for that.
    """
    started, going = time.monotonic(), True
    while going:
        going = False
        for seed, name in product(seeds, names):
            for lr in _rates(name, seed, folder):
                if runs(folder).find(arm=name, lr=lr, seed=seed) or not _ready(name, seed, folder):
                    continue
                if time.monotonic() - started > limit:
                    return
                with suppress(Timeout), FileLock(f"{place_of(folder, name, lr, seed)}.lock", timeout=0):
                    found = make(name, lr, seed, folder)
                    going = True
                    shown = {key: found[key] for key in ("first", "loss", "seconds")}
                    print(name, f"lr {lr:g} seed {seed}", shown, found["curve"][:6], flush=True)


def _rates(name: str, seed: int, folder: str | Path) -> tuple[float, ...]:
    """Return the rates at which an arm is wanted on a seed; none while its best one is not known."""
    if seed == CHOOSING:
        return arms.ARMS[name].rates
    return (best_rate(name, runs(folder)),) if _chosen(name, folder) else ()


def _chosen(name: str, folder: str | Path) -> bool:
    """Say whether an arm was trained at all of its rates on the choosing seed."""
    known = runs(folder)
    return all(known.find(arm=name, lr=lr, seed=CHOOSING) for lr in arms.ARMS[name].rates)


def _ready(name: str, seed: int, folder: str | Path) -> bool:
    """Say whether an arm's source is there, at its best rate."""
    start = arms.ARMS[name].start
    if start is None:
        return True
    known = runs(folder)
    return _chosen(start, folder) and known.find(arm=start, lr=best_rate(start, known), seed=seed) is not None

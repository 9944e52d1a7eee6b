"""Train what is missing, for so many seconds (default 300): entropy model, rates, one BLT to ship, seeds, studies.

Several processes can share the work: each takes what no other has in hand, and a run that is known is not made again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import torch
from filelock import FileLock, Timeout

from labkit import zoo

from .arms import ARMS, FRESH, NEAR, RIVALS, SEEDS, best_rate, do, next_rate, runs, ship
from .entropy import CACHE, ENTROPY, train_entropy
from .studies import STUDIES, lacking, make

Unit = tuple[str, Callable[[], object]]


def missing() -> Iterator[Unit]:
    """Yield what can be trained now, in the order in which it is wanted."""
    if ENTROPY not in zoo.entries():
        yield "entropy", train_entropy
        return
    tried = {(run["arm"], run["lr"], run["seed"]) for run in runs()}
    wanted = {name: next_rate(name) for name in ARMS}
    ready = [name for name, lr in wanted.items() if lr is None]
    for name, lr in wanted.items():
        if lr is not None:
            yield f"{name}-{lr}-0", lambda name=name, lr=lr: do(name, lr, 0)
    if "entropy" in ready and "blt/story" not in zoo.entries():
        yield "ship", ship
    wanted_runs = [(name, best_rate(name), seed) for seed in SEEDS for name in ready]
    wanted_runs += [(name, best_rate(name), seed) for name in ready for seed in RIVALS.get(name, ())]
    wanted_runs += [("entropy", NEAR, seed) for seed in (*SEEDS, *FRESH)]
    for run in wanted_runs:
        if run not in tried:
            yield "{}-{}-{}".format(*run), lambda run=run: do(*run)
    for study in STUDIES:
        for arm, lr, seed in lacking(study):
            yield f"{study}-{arm}-{lr}-{seed}", lambda run=(study, arm, lr, seed): make(*run)


def work(seconds: float) -> None:
    """Train one missing thing after the other until none is left or the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name, train in missing():
            try:
                with FileLock(CACHE / f"{name}.lock", timeout=0):
                    if any(name == other for other, _ in missing()):  # nobody made it in the meantime
                        train()
                break
            except Timeout:
                continue
        else:
            return


if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    work(float(sys.argv[1]) if len(sys.argv) > 1 else 300)

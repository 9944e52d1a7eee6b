"""Train what is missing: `entropy`, then `rates [ARM ...]` on seed 0, `runs SEED ...`, and `ship`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch

from labkit import zoo

from .arms import ARMS, RATES, best_rate, do, ship
from .entropy import ENTROPY, train_entropy


def entropy(rest: list[str]) -> None:
    """Train and ship the entropy model unless it is here."""
    if ENTROPY not in zoo.entries():
        train_entropy()


def rates(arms: list[str]) -> None:
    """Try every learning rate on seed 0."""
    for name in arms or ARMS:
        for lr in RATES:
            do(name, lr, 0)


def seeds(numbers: list[str]) -> None:
    """Train every arm from these seeds, each at the rate that was best for it."""
    for seed in numbers:
        for name in ARMS:
            do(name, best_rate(name), int(seed))


STAGES: dict[str, Callable[[list[str]], None]] = {
    "entropy": entropy,
    "rates": rates,
    "runs": seeds,
    "ship": lambda rest: ship(),
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in STAGES:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    STAGES[sys.argv[1]](sys.argv[2:])

"""Growth in the middle of training: does it matter whether the optimiser's memory comes along?

The paper resets the optimiser at every stage; `migrate` carries its moments over, new rows beginning at 0.

    python -m labkit.papers.tokenformer.experiments.carrying 51 52 53 54 55      half a minute each, to runs/03

Shapes: B rows, L tokens.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labkit import models
from labkit.anatomy import module_of
from labkit.models import Decoder
from labkit.training.loop import using_threads

from .. import task
from ..method import migrate
from ..training.arms import ROWS, TIMES
from ..training.choosing import best_rate
from ..training.running import make, place_of, runs
from .growing import GrowthRecovery, GrowthWay, row_losses

__all__ = ["CARRY", "carry_over", "make_carry"]

CARRY, STEPS = "carry", 60  # the name of such a run in the table of runs; its steps before growth, and after


def carry_over(
    model: Decoder,
    train_BL: Tensor,
    held_BL: Tensor,
    n_new: int,
    way: GrowthWay | None = None,
    *,
    steps: int = 24,
    lr: float = 4e-3,
    every: int = 2,
    seed: int = 0,
) -> GrowthRecovery:
    """Train a model for `steps`, grow it, and train it on as long: with a new optimiser, and with the old one's memory.

    The rate is constant throughout, so that nothing else changes at the moment of growth (step 0). The same is done
    without growth. Every copy reads the same rows; half of `train_BL` is read before growth. way: zero keys, τ fixed.
    """
    way, first = way or GrowthWay(), copy.deepcopy(module_of(model)).train()
    before, batch = _adam(first, lr), max(1, len(train_BL) // (2 * steps))
    with using_threads(1):
        for step in range(steps):
            _step(first, before, train_BL[step * batch : (step + 1) * batch])
        losses, seen = {}, [0, *range(every, steps + 1, every)]
        for grown in (True, False):
            for carried in (True, False):
                copied = way.grown(first, n_new, seed) if grown else copy.deepcopy(first)
                optimiser = _adam(copied, lr)
                if carried:
                    migrate(before, optimiser, first, copied)
                found = [_held(copied, held_BL)]
                for step in range(1, steps + 1):
                    place = steps + step - 1
                    _step(copied, optimiser, train_BL[place * batch : (place + 1) * batch])
                    if step in seen:
                        found.append(_held(copied, held_BL))
                name = f"{'grown' if grown else 'not grown'}, memory {'carried' if carried else 'reset'}"
                losses[name] = tuple(found)
        title = "The optimiser's memory, carried or reset at step 0"
        return GrowthRecovery(_held(first, held_BL), tuple(seen), losses, title=title)


def _adam(model: Decoder, lr: float) -> torch.optim.AdamW:
    return torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.1)


def _step(model: Decoder, optimiser: torch.optim.Optimizer, rows_BL: Tensor) -> None:
    model.train()
    optimiser.zero_grad(set_to_none=True)
    model(rows_BL, labels=rows_BL).loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()


def _held(model: Decoder, held_BL: Tensor) -> float:
    losses = row_losses(model.eval(), held_BL)
    return sum(losses) / len(losses)


def make_carry(seed: int, folder: str | Path = "runs/03") -> dict[str, Any]:
    """Do it with the source of a seed at the source's own rate, unless that is known; return what was found.

    bumps, last: by copy, the highest and the last loss after growth minus that at growth, nats a token.
    """
    rate = best_rate("source", runs(folder))
    make("source", rate, seed, folder)

    def train() -> dict[str, Any]:
        source = models.load(place_of(folder, "source", rate, seed))
        rows_BL = task.rows("stories", 2 * STEPS * ROWS, seed=seed + 10_000)
        held_BL = task.rows("stories", 24, seed=0, split="valid")
        n_new = source.config.tokens * (TIMES - 1)
        found = carry_over(source, rows_BL, held_BL, n_new, steps=STEPS, lr=rate, every=1)
        last = {name: losses[-1] - found.before for name, losses in found.losses.items()}
        return {"bumps": {name: found.bump(name) for name in found.losses}, "last": last, "before": found.before}

    return runs(folder).do({"arm": CARRY, "lr": rate, "seed": seed}, train)


if __name__ == "__main__":
    for number in map(int, sys.argv[1:]):
        print(number, make_carry(number), flush=True)

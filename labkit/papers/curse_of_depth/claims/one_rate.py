"""What is measured for the claims of lesson 08 that compare ways to begin, or depths, at given rates and one length.

Plain Pre-LN, Pre-LN with scaled first values and LayerNorm Scaling: models of one seed read the same documents in the
same order. The runs are stored as measurements: curves in 08_one_rate_curves.json, blocks in 08_one_rate_blocks.json;
whole trainings of the two main arms, in 08_curves.json and 08_blocks.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from labkit.claims.records import Measured
from labkit.training import Curve, Curves

from ..experiments.block_runs import (
    END,
    BlockRun,
    BlockRuns,
    blocks_path,
    curves_path,
    one_rate_blocks_path,
    one_rate_curves_path,
)
from .trained import all_there, of_runs

__all__ = ["behind_early", "gain_with_depth", "idle_difference", "loss_difference", "variance_ratio"]

TRAIN = (
    "labkit grid depth/pre depth/pre-scaled depth/lns --lr 8e-3 --seeds ... (the beginning alone: --steps 80), "
    "then labkit sweep one-rate"
)
TRAIN_DEPTHS = (
    "labkit grid depth/pre-8 depth/lns-8 depth/pre-32 depth/lns-32 --lr 8e-3 --seeds ... --out runs/depths, "
    "then labkit sweep depths"
)


def loss_difference(
    *, n: int, seeds: Sequence[int], first: str, second: str, lr: float, steps: int, second_lr: float | None = None
) -> Measured:
    """Return per seed the loss of the second recipe minus that of the first on unseen stories, nats a token.

    second_lr: the learning rate of the second, where it is another than that of the first.
    """
    sides = [_models(first, lr, steps), _models(second, second_lr or lr, steps)]
    all_there(seeds, *sides, do=TRAIN)
    values = [sides[1][seed].loss - sides[0][seed].loss for seed in seeds]
    return of_runs(values, seeds, [asdict(side[seed]) for side in sides for seed in seeds])


def variance_ratio(*, n: int, seeds: Sequence[int], first: str, second: str, lr: float, steps: int) -> Measured:
    """Return per seed the variance after the last block of the second recipe over that of the first."""
    sides = [_models(recipe, lr, steps) for recipe in (first, second)]
    all_there(seeds, *sides, do=TRAIN)
    values = [sides[1][seed].variance[-1] / sides[0][seed].variance[-1] for seed in seeds]
    return of_runs(values, seeds, [asdict(side[seed]) for side in sides for seed in seeds])


def idle_difference(*, n: int, seeds: Sequence[int], first: str, second: str, lr: float, steps: int) -> Measured:
    """Return per seed the share of blocks that cost at most 0.01 nats to lose, second recipe minus first."""
    sides = [_models(recipe, lr, steps) for recipe in (first, second)]
    all_there(seeds, *sides, do=TRAIN_DEPTHS)
    idle = [{seed: side[seed].idle / side[seed].depth for seed in seeds} for side in sides]
    return of_runs(
        [idle[1][seed] - idle[0][seed] for seed in seeds],
        seeds,
        [asdict(side[seed]) for side in sides for seed in seeds],
    )


def gain_with_depth(*, n: int, seeds: Sequence[int], shallow: int, deep: int, lr: float, steps: int) -> Measured:
    """Return per seed scaling's loss minus Pre-LN's with `deep` blocks, minus the same with `shallow`, nats a token."""
    sides = [_models(f"depth/{kind}-{depth}", lr, steps) for depth in (deep, shallow) for kind in ("lns", "pre")]
    all_there(seeds, *sides, do=TRAIN_DEPTHS)
    losses = [[side[seed].loss for side in sides] for seed in seeds]
    values = [(lns_deep - pre_deep) - (lns - pre) for lns_deep, pre_deep, lns, pre in losses]
    return of_runs(values, seeds, [asdict(side[seed]) for side in sides for seed in seeds])


def behind_early(*, n: int, seeds: Sequence[int], first: str, second: str, lr: float, steps: int) -> Measured:
    """Return per seed the training loss of the second recipe minus that of the first, averaged over a short run.

    From the curves, nats a token: above 0 where the second is behind.
    """
    sides = [_curves(recipe, lr, steps) for recipe in (first, second)]
    all_there(seeds, *sides, do=TRAIN)
    values = [float(np.subtract(sides[1][seed].loss, sides[0][seed].loss).mean()) for seed in seeds]
    return of_runs(values, seeds, [asdict(side[seed]) for side in sides for seed in seeds])


def _models(recipe: str, lr: float, steps: int) -> dict[int, BlockRun]:
    """Return the trained models of a recipe by seed, of runs that were planned at this rate and length."""
    found = [run for path in (blocks_path(), one_rate_blocks_path()) for run in _blocks(path)]
    curves = _curves(recipe, lr, steps)
    return {
        run.seed: run for run in found if (run.recipe, run.lr, run.step) == (recipe, lr, END) and run.seed in curves
    }


def _curves(recipe: str, lr: float, steps: int) -> dict[int, Curve]:
    known = [run for path in (curves_path(), one_rate_curves_path()) if path.is_file() for run in Curves.load(path)]
    asked = (recipe, lr, steps, "finished")
    return {run.seed: run for run in known if (run.recipe, run.lr, run.planned, run.status) == asked}


@cache
def _blocks(path: Path) -> BlockRuns:
    return BlockRuns.load(path) if path.is_file() else BlockRuns(())

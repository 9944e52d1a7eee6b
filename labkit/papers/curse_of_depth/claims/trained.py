"""What is measured for the claims of lesson 08 about training: pairs of separately trained models, one pair a seed.

The runs themselves are stored as measurements (`labkit grid --found --save --measure`): curves in 08_curves.json, every
block of every checkpoint in 08_blocks.json. A recipe stands at the learning rate that was best on seed 0, which no
claim uses. The theory's own numbers are here too: they need no model at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from statistics import fmean, median

import numpy as np

from labkit.base.errors import NotAvailable
from labkit.claims.records import Measured
from labkit.training import Curve, Curves

from ..experiments.block_runs import IDLE, BlockRun, BlockRuns, blocks_path, curves_path
from ..experiments.transfers import Transfers, transfers_path
from ..method.theory import gradient_bound, variance_recursion
from .checkpoints import growths

__all__ = [
    "all_there",
    "bound_converges",
    "deep_against_shallow",
    "idle_share",
    "lemma_errors",
    "loss_difference",
    "of_runs",
    "runs_growth",
    "started_behind",
    "transfer_difference",
    "turns_difference",
    "variance_ratio",
    "working_difference",
]

FIRST, SECOND = "depth/pre", "depth/lns"
CHOOSING = 0  # the seed on which learning rates are chosen
TRAIN = "labkit grid depth/pre depth/lns --seeds ..., then again with --found --save --measure"


def loss_difference(*, n: int, seeds: Sequence[int], second: str = SECOND) -> Measured:
    """Return per seed the loss of the scaled model minus that of Pre-LN on unseen stories, nats a token."""
    return _paired(seeds, lambda pre, lns: lns.loss - pre.loss, second)


def variance_ratio(*, n: int, seeds: Sequence[int], second: str = SECOND) -> Measured:
    """Return per seed the variance after the last block of the scaled model over that of Pre-LN."""
    return _paired(seeds, lambda pre, lns: lns.variance[-1] / pre.variance[-1], second)


def turns_difference(*, n: int, seeds: Sequence[int], second: str = SECOND) -> Measured:
    """Return per seed the mean turn by the deeper half of the blocks, scaled minus Pre-LN."""
    return _paired(seeds, lambda pre, lns: fmean(_deeper(lns.turns)) - fmean(_deeper(pre.turns)), second)


def working_difference(*, n: int, seeds: Sequence[int], second: str = SECOND) -> Measured:
    """Return per seed the share of blocks in the deeper half that cost more than 0.01 nats, scaled minus Pre-LN."""

    def share(run: BlockRun) -> float:
        return fmean(cost > IDLE for cost in _deeper(run.block))

    return _paired(seeds, lambda pre, lns: share(lns) - share(pre), second)


def deep_against_shallow(*, n: int, seeds: Sequence[int], recipe: str = FIRST) -> Measured:
    """Return per seed the median cost of a block of the deeper half over that of one of the first half."""
    return _alone(seeds, lambda run: median(_deeper(run.block)) / median(_first(run.block)), recipe)


def idle_share(*, n: int, seeds: Sequence[int], recipe: str = FIRST) -> Measured:
    """Return per seed the share of all blocks that cost at most 0.01 nats to lose."""
    return _alone(seeds, lambda run: run.idle / run.depth, recipe)


def runs_growth(*, n: int, seeds: Sequence[int], recipe: str = FIRST) -> Measured:
    """Return per seed how fast log variance grows after the middle, over how fast it grows in front of it."""

    def ratio(run: BlockRun) -> float:
        late, early = growths(np.log(run.variance[1:]).tolist())
        return late / early

    return _alone(seeds, ratio, recipe)


def started_behind(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the loss of the scaled run minus Pre-LN over the first third, minus the same over the last tenth.

    From the curves: the training loss, averaged over the steps of each stretch.
    """
    curves = [_curves(recipe) for recipe in (FIRST, SECOND)]
    all_there(seeds, *curves)
    values = []
    for seed in seeds:
        pre, lns = (np.array(side[seed].loss) for side in curves)
        gap, length = lns - pre, len(pre)
        values.append(float(gap[: length // 3].mean() - gap[-max(1, length // 10) :].mean()))
    return of_runs(values, seeds, [asdict(side[seed]) for side in curves for seed in seeds])


def transfer_difference(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the nats a right answer costs after fine-tuning, scaled minus Pre-LN, each at its best rate."""
    path = transfers_path()
    known = Transfers.load(path) if path.is_file() else Transfers(())
    tuned = [recipe for recipe in (FIRST, SECOND) if known.of(recipe)]
    best = {recipe: known.of(recipe, tuning_lr=known.best_lr(recipe)) for recipe in tuned}
    sides = [{row.seed: row for row in best.get(recipe, [])} for recipe in (FIRST, SECOND)]
    all_there(seeds, *sides, do="labkit sweep transfer, when the grid is there")
    values = [float(sides[1][seed].nats - sides[0][seed].nats) for seed in seeds]
    return of_runs(values, seeds, [asdict(side[seed]) for side in sides for seed in seeds])


def lemma_errors(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return at n depths how far Lemma 4.1's recursion is from v_N = N, relative; nothing is drawn."""
    depths = [2**number for number in range(1, n + 1)]
    values = [float(variance_recursion(depth, 0.5)[-1] / depth - 1) for depth in depths]
    return Measured(values=tuple(values), units=tuple(f"{depth} blocks" for depth in depths))


def bound_converges(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n laws of growth, ℓ to ℓ², what the later half of 100,000 blocks adds to Theorem 4.2's log bound.

    As printed, with A = B = 1; the paper has the bound grow without end for these laws. Nothing is drawn.
    """
    blocks, powers = np.arange(1, 100_001, dtype=float), np.linspace(1.0, 2.0, n)
    bounds = [gradient_bound(blocks**power, 1.0) for power in powers]
    values = [float(bound[-1] - bound[len(bound) // 2 - 1]) for bound in bounds]
    return Measured(values=tuple(values), units=tuple(f"variance like ℓ^{power:.3g}" for power in powers))


def _first(values: Sequence[float]) -> Sequence[float]:
    return values[: len(values) // 2]


def _deeper(values: Sequence[float]) -> Sequence[float]:
    return values[len(values) // 2 :]


def _paired(seeds: Sequence[int], compare: Callable[[BlockRun, BlockRun], float], second: str) -> Measured:
    sides = [_runs(recipe) for recipe in (FIRST, second)]
    all_there(seeds, *sides)
    values = [float(compare(*(side[seed] for side in sides))) for seed in seeds]
    return of_runs(values, seeds, [asdict(side[seed]) for side in sides for seed in seeds])


def _alone(seeds: Sequence[int], measure: Callable[[BlockRun], float], recipe: str) -> Measured:
    runs = _runs(recipe)
    all_there(seeds, runs)
    return of_runs([float(measure(runs[seed])) for seed in seeds], seeds, [asdict(runs[seed]) for seed in seeds])


def _runs(recipe: str) -> dict[int, BlockRun]:
    """Return the trained models of a recipe by seed, at the learning rate that was best on the choosing seed."""
    known = _blocks(blocks_path())
    if recipe not in known.recipes:
        return {}
    return {run.seed: run for run in known.of(recipe, lr=known.best_lr(recipe, [CHOOSING]))}


def _curves(recipe: str) -> dict[int, Curve]:
    """Return the finished runs of a recipe by seed, at the learning rate of `_runs`."""
    rates = {run.lr for run in _runs(recipe).values()}
    known = Curves.load(curves_path()) if curves_path().is_file() else Curves(())
    return {run.seed: run for run in known if run.recipe == recipe and run.lr in rates and run.status == "finished"}


@cache
def _blocks(path: Path) -> BlockRuns:
    return BlockRuns.load(path) if path.is_file() else BlockRuns(())


def all_there(seeds: Sequence[int], *sides: dict, do: str = TRAIN) -> None:
    """Raise `NotAvailable` naming the seeds that one of the sides lacks, with what to do about it."""
    missing = sorted({seed for seed in seeds for side in sides if seed not in side})
    if missing:
        raise NotAvailable(f"The runs with the seeds {missing} have not been trained and measured.", do=do)


def of_runs(values: Sequence[float], seeds: Sequence[int], rows: Sequence[dict]) -> Measured:
    """Return the values, one a seed, with a hash of the rows that they were computed from."""
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    units = tuple(f"seed {seed}" for seed in seeds)
    return Measured(values=tuple(values), units=units, models={"runs of lesson 08": digest})

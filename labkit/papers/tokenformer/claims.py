"""Which experiment, at which arguments, decides which sentence of the paper."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from labkit.base.errors import NotAvailable
from labkit.claims import Measured

from .experiments.carrying import CARRY
from .experiments.race import runs_of, stored_runs

__all__ = [
    "curve_difference",
    "improvement",
    "loss_difference",
    "memory_difference",
    "nominal_sizes",
    "old_corpus_difference",
    "preserved",
    "reading_cost",
]

GROWTH_SERIES = {576: 124e6, 2140: 354e6, 4850: 757e6, 8620: 1.4e9}  # tokens of q, k, v, o -> what the paper calls it


def loss_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed the final loss of one arm minus that of another, nats a token, each at its own best rate."""
    return _paired(seeds, first, second, lambda run: run["loss"])


def curve_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed the difference of two arms' losses on held-out text, averaged over their training.

    From step 1 on: the mean over steps of the straight lines between the points of the curve.
    """
    return _paired(seeds, first, second, lambda run: _area(run["curve"]))


def old_corpus_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed the loss on stories, after learning facts, of one arm minus that of another, nats a token.

    Both started from the same source, so this is also the difference of what they forgot.
    """
    return _paired(seeds, first, second, lambda run: run["losses"]["stories"])


def improvement(*, n: int, seeds: Sequence[int], arm: str) -> Measured:
    """Return per seed the final loss of a grown model minus that of the model it was grown from, nats a token."""
    runs = runs_of(arm, seeds)
    return _measured([run["loss"] - run["first_source"] for run in runs], seeds, runs)


def memory_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed the highest rise of the loss after growth of one copy minus that of another, nats a token.

    Copies as in `experiments.carrying`: what was grown or not, with the optimiser's memory carried or reset.
    """
    known = {run["seed"]: run for run in stored_runs() if run["arm"] == CARRY}
    if missing := [seed for seed in seeds if seed not in known]:
        raise NotAvailable(
            f"Nothing was carried over with the seeds {missing}.",
            do=f"python -m labkit.papers.tokenformer.experiments.carrying {' '.join(map(str, missing))}, then copy "
            "runs/03/growth.jsonl to data/sweeps/03_growth.jsonl",
        )
    rows = [known[seed] for seed in seeds]
    return _measured([row["bumps"][first] - row["bumps"][second] for row in rows], seeds, rows)


def preserved(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n models of random weights the largest change of any logit when zero keys are appended, τ fixed.

    Case i has i + 1 blocks of two heads, and grows by 18 (i + 1) tokens; it reads 64 random tokens.
    """
    import torch

    from .experiments.growing import GrowthWay
    from .method import TokenFormer

    moved, units = [], []
    for case in range(n):
        config = TokenFormer(vocab=50, width=24, depth=case + 1, heads=2, tokens=18, ffn=72, context=64, init_std=0.3)
        model = config.build(seeds[0] + case).eval()
        grown = GrowthWay().grown(model, 18 * (case + 1), seed=seeds[0] + case)
        ids_BL = torch.randint(50, (1, 64), generator=torch.Generator().manual_seed(seeds[0] + case))
        with torch.no_grad():
            moved.append(float((grown(ids_BL).logits - model(ids_BL).logits).abs().max()))
        units.append(f"{case + 1} blocks, {18 * (case + 1)} new tokens")
    return Measured(values=tuple(moved), units=tuple(units))


def nominal_sizes(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for the paper's growth series all parameters by its own formula, over what the paper calls the model."""
    from .method import model_cost

    configs = {tokens: _published(tokens) for tokens in list(GROWTH_SERIES)[:n]}
    bills = {tokens: model_cost(config) for tokens, config in configs.items()}
    values = [(one.parameters + one.embedding) / GROWTH_SERIES[tokens] for tokens, one in bills.items()]
    return Measured(values=tuple(values), units=tuple(f"{tokens} tokens" for tokens in bills))


def reading_cost(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for the same series the FLOPs of the T² term for each T², over those of the smallest model."""
    from .method import model_cost

    costs = {tokens: model_cost(_published(tokens), 2048).per_square for tokens in list(GROWTH_SERIES)[:n]}
    first = next(iter(costs.values()))
    return Measured(values=tuple(c / first for c in costs.values()), units=tuple(f"{t} tokens" for t in costs))


def _published(tokens: int) -> Any:
    """Return the config of a model of the paper's growth series (table 9): 12 layers, width 768, 50,304 pieces."""
    from .method import TokenFormer

    return TokenFormer(vocab=50_304, width=768, depth=12, heads=12, tokens=tokens, ffn=4 * tokens, context=2048)


def _area(curve: Sequence[Sequence[float]]) -> float:
    points = [(step, loss) for step, loss in curve if step > 0]
    parts = [(b - a) * (left + right) / 2 for (a, left), (b, right) in pairwise(points)]
    return sum(parts) / (points[-1][0] - points[0][0])


def _paired(seeds: Sequence[int], first: str, second: str, value: Callable[[dict[str, Any]], float]) -> Measured:
    sides = [runs_of(arm, seeds) for arm in (first, second)]
    return _measured([value(a) - value(b) for a, b in zip(*sides)], seeds, [run for side in sides for run in side])


def _measured(values: Sequence[float], seeds: Sequence[int], runs: Sequence[dict[str, Any]]) -> Measured:
    digest = hashlib.sha256(json.dumps(list(runs), sort_keys=True).encode()).hexdigest()
    return Measured(
        values=tuple(values), units=tuple(f"seed {seed}" for seed in seeds), models={"runs of lesson 03": digest}
    )

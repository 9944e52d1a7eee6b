"""Which runs there are: arms, sizes, seeds, learning rates, and what is made together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from labkit.models import DecoderConfig

from ..method import DenseFormer, HyperConnections, LIMeOfStates, ValueResidual

__all__ = [
    "AGAIN",
    "ARMS",
    "BEST",
    "BEST_ELSEWHERE",
    "CHOOSING",
    "DEPTH",
    "FRESH",
    "GROUPS",
    "HEADS",
    "REPEATED",
    "RIVALS",
    "SEEDS",
    "WIDTH",
    "Run",
    "best_rate",
]

WIDTH, DEPTH, HEADS = 16, 4, 4
RATES = (1.2e-2, 2.4e-2, 6e-3)
CHOOSING, SEEDS = (101, 102, 103, 104, 105), (11, 12, 13, 14, 15)  # the first chooses; more where that is no choice
REPEATED = (16, 17, 18)  # three more pairs, beside the five that were promised
FRESH = (21, 22, 23, 24, 25)  # for what was promised when arms on `SEEDS` were known
AGAIN = (41, 42, 43, 44, 45)  # the main arms once more, promised before any of them was trained there
# Found by the groups of rates; arms not named stand at LIMe's.
BEST = dict.fromkeys(("base", "lime", "first-1", "dense"), 1.2e-2)
BEST |= {"own": 6e-3, "v1-static": 4.8e-2}
BEST |= dict.fromkeys(("hyper-dynamic", "first-values", "values", "v1-dynamic"), 2.4e-2)
# (arm, operands, steps, depth, width), where another rate was better
BEST_ELSEWHERE: Mapping[tuple[str, int, int, int, int], float] = {
    ("base", 3, 1200, 4, 16): 2.4e-2,
    ("base", 5, 2400, 4, 16): 6e-3,
    ("lime", 4, 1200, 4, 24): 6e-3,
    ("lime", 4, 1200, 4, 32): 6e-3,
}

# What differs between the arms, and nothing else does.
ARMS: Mapping[str, Mapping[str, Any]] = {
    "base": {},
    "lime": {"first_router": "identity+kaiming"},  # as in the official code
    "zeros": {"first_router": "identity+zeros"},  # starts as the baseline
    "random": {"first_router": "random"},
    "own": {"first_router": "identity+zeros", "reach": "own"},
    "first-1": {"first_router": "identity+kaiming", "reach": "first-1"},
    "last-2": {"first_router": "identity+kaiming", "reach": "last-2"},
    "average": {"router": "average"},
    "same-head": {"first_router": "identity+kaiming", "router": "same-head"},
    "channel": {"first_router": "identity+kaiming", "router": "channel"},
    "keys": {"first_router": "identity+kaiming", "routes": "keys"},
    "values": {"first_router": "identity+kaiming", "routes": "values"},
}
RIVALS: Mapping[str, Callable[..., DecoderConfig]] = {
    "first-values": ValueResidual,
    "dense": DenseFormer,
    "hyper-static": partial(HyperConnections, dynamic=False),
    "hyper-dynamic": HyperConnections,
    "v1-static": LIMeOfStates,  # LIMe as first published
    "v1-dynamic": partial(LIMeOfStates, dynamic=True),
}
VARIANTS = ("keys", "values", "same-head", "channel", "v1-static", "v1-dynamic")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: which arm, on how many operands, for how many steps, at which learning rate, with which seed."""

    arm: str
    lr: float
    seed: int
    operands: int = 4
    steps: int = 1200
    depth: int = DEPTH
    width: int = WIDTH


def best_rate(arm: str, operands: int = 4, steps: int = 1200, depth: int = DEPTH, width: int = WIDTH) -> float:
    """Return the rate at which an arm stands."""
    return BEST_ELSEWHERE.get((arm, operands, steps, depth, width), BEST.get(arm, BEST["lime"]))


def _runs(arms: Iterable[str], seeds: Iterable[int], **options: Any) -> tuple[Run, ...]:
    """Return the runs of a group, seed by seed, so that a group cut short holds whole pairs."""
    rates = {arm: best_rate(arm, **options) for arm in arms}
    return tuple(Run(arm=arm, lr=lr, seed=seed, **options) for seed, (arm, lr) in product(seeds, rates.items()))


def _tried(
    arms: Iterable[str], rates: Iterable[float], seeds: Iterable[int] = CHOOSING[:1], **options: Any
) -> tuple[Run, ...]:
    """Return the runs by which an arm's rate is chosen."""
    return tuple(Run(arm=arm, lr=lr, seed=seed, **options) for seed, lr, arm in product(seeds, rates, arms))


GROUPS: Mapping[str, tuple[Run, ...]] = {
    "choose": _tried(("base", "lime"), RATES),
    "main": _runs(("base", "lime"), SEEDS),
    "long": _runs(("base", "lime"), SEEDS, steps=2400),
    "reach": _runs(("first-1", "last-2"), SEEDS),
    "average": _runs(("average",), SEEDS),
    "easy": _runs(("base", "lime"), SEEDS, operands=3),
    "shallow": _runs(("lime",), SEEDS, depth=2),
    "zeros": _runs(("zeros",), SEEDS),
    "control": _runs(("base",), SEEDS, depth=2),
    "short": _runs(("base", "lime"), SEEDS, steps=600),
    "rivals": _runs(("first-values", "dense"), SEEDS),
    "hyper": _runs(("hyper-dynamic",), SEEDS),
    # Rates: three for each arm, at each length and width, so that the best need not be the edge of those tried.
    "short-rates": _tried(("base", "lime"), RATES, steps=600),
    "long-rates": _tried(("base", "lime"), RATES, steps=2400),
    "rival-rates": _tried(("first-values", "dense", "hyper-dynamic"), RATES),
    "rates": (*_tried(("first-1", "last-2", "average"), RATES), *_tried(("lime",), RATES, depth=2)),
    "variant-rates": _tried(VARIANTS, RATES),
    "variant-edges": (*_tried(("values", "v1-static", "v1-dynamic"), (4.8e-2,)), *_tried(("v1-static",), (9.6e-2,))),
    "variants": _runs(VARIANTS, SEEDS),
    "zeros-rates": _tried(("zeros",), RATES),
    "own-rates": _tried(("own",), RATES),
    "repeated": _runs(("base", "lime"), REPEATED, steps=2400),
    "own": _runs(("own",), SEEDS),
    "own-fresh": _runs(("base", "own", "lime"), FRESH),
    "again": _runs(("base", "lime", "first-1", "zeros"), AGAIN),
    "random": (*_tried(("random",), RATES), *_runs(("random",), SEEDS)),
    "hyper-static": (*_tried(("hyper-static",), RATES), *_runs(("hyper-static",), SEEDS)),
    "five": _runs(("base", "lime"), SEEDS, operands=5, steps=2400),
    "wide-24": _runs(("base", "lime"), SEEDS, width=24),
    "wide-32": _runs(("base", "lime"), SEEDS, width=32),
    "five-rates": _tried(("base", "lime"), RATES, operands=5, steps=2400),
    "wide-24-rates": _tried(("base", "lime"), RATES, width=24),
    "wide-32-rates": _tried(("base", "lime"), RATES, width=32),
    "control-rates": _tried(("base",), RATES, depth=2),
    "easy-rates": _tried(("base", "lime"), RATES, operands=3),
    # More where the best was the highest or the lowest of three.
    "edges": (
        *_tried(("first-values", "hyper-dynamic"), (4.8e-2,)),
        *_tried(("first-values",), (9.6e-2,)),
        *_tried(("own",), (3e-3,)),
        *_tried(("base",), (4.8e-2, 9.6e-2), operands=3),
        *_tried(("lime",), (4.8e-2,), depth=2),
        *_tried(("lime",), (3e-3,), width=24),
        *_tried(("lime",), (3e-3,), width=32),
        *_tried(("base",), (4.8e-2,), operands=5, steps=2400),
    ),
    # And more seeds where that choice lies between rates that do about as well, or was a lucky run.
    "contested": (
        *_tried(("base",), RATES, CHOOSING[1:3], operands=5, steps=2400),
        *_tried(("lime",), RATES[:2], CHOOSING[1:], depth=2),
        *_tried(("base",), (*RATES[:2], 4.8e-2), CHOOSING[1:3], operands=3),
        *_tried(("first-values",), (*RATES[:2], 4.8e-2), CHOOSING[1:3]),
        *_tried(("base",), (3e-3,), operands=5, steps=2400),
    ),
    # Made on the pairs' own seeds at rates that were given up since: no row stands on them, and none is hidden.
    "given-up": (
        *_tried(("first-values", "hyper-dynamic"), (1.2e-2,), SEEDS),
        *_tried(("first-values",), (4.8e-2,), SEEDS),
        *_tried(("own",), (1.2e-2,), (*SEEDS, FRESH[0])),
        *_tried(("base",), (1.2e-2, 4.8e-2), SEEDS, operands=3),
        *_tried(("base",), (2.4e-2,), SEEDS[:1], operands=5, steps=2400),
        *_tried(("lime",), (2.4e-2,), SEEDS, depth=2),
        *_tried(("lime",), (1.2e-2,), SEEDS, width=24),
    ),
}

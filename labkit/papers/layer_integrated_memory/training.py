"""What is trained for lesson 09: one small decoder on arithmetic, and the same decoder with routers of several kinds.

    python -m labkit.papers.layer_integrated_memory.training            every run, about half an hour on a core
    python -m labkit.papers.layer_integrated_memory.training choose     one group; what is there is not made again

Arms with one seed see the same expressions in the same order and start from the same weights, but for what is new in
them. Rates are chosen on seeds of their own (`CHOOSING`), the table uses others.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from labkit.base.errors import unknown
from labkit.models import Decoder, DecoderConfig, load, next_token_loss, save
from labkit.training import Fit, Runs, fit, share
from labkit.zoo import ship_model

from .method import DenseFormer, HyperConnections, LIMe, ValueResidual
from .task import Expressions, expressions, row_length, tokenizer

__all__ = [
    "ARMS",
    "BEST",
    "FRESH",
    "GROUPS",
    "REPEATED",
    "RIVALS",
    "SEEDS",
    "Run",
    "best_rate",
    "config_of",
    "first_weights",
    "held_out",
    "losses",
    "made",
    "score",
    "train",
]

TABLE, WEIGHTS = Path("runs/09/arithmetic.jsonl"), Path("runs/09/models")

WIDTH, DEPTH, HEADS = 16, 4, 4
BATCH, EVERY = 32, 100  # rows a step; steps between two looks at the held-out expressions
WATCHED, TESTED = 500, 2000  # unseen rows looked at on the way; others at the end
# LIMe's routers learn ten times as fast and do not decay; the static weights of Hyper-Connections only do not decay.
SCALES = {"routers": 10.0, ".static": 1.0}
WATCH_SEED, TEST_SEED = 1_000_001, 1_000_002

RATES = (1.2e-2, 2.4e-2, 6e-3)
CHOOSING, SEEDS = (101,), (11, 12, 13, 14, 15)
REPEATED = (16, 17, 18)  # three more pairs, beside the five that were promised
FRESH = (21, 22, 23, 24, 25)  # for what was promised when arms on `SEEDS` were known
# Found by the groups of rates; arms not named stand at LIMe's.
BEST = dict.fromkeys(("base", "lime", "first-1", "first-values", "dense", "hyper-dynamic"), 1.2e-2) | {"own": 6e-3}
BEST_ELSEWHERE: Mapping[tuple[str, int, int], float] = {}  # (arm, steps, width), where another rate was better

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
}
RIVALS: Mapping[str, Callable[..., DecoderConfig]] = {
    "first-values": ValueResidual,
    "dense": DenseFormer,
    "hyper-static": partial(HyperConnections, dynamic=False),
    "hyper-dynamic": HyperConnections,
}


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


def best_rate(arm: str, steps: int = 1200, width: int = WIDTH) -> float:
    """Return the rate at which an arm stands."""
    return BEST_ELSEWHERE.get((arm, steps, width), BEST.get(arm, BEST["lime"]))


def _runs(arms: Iterable[str], seeds: Iterable[int], **options: Any) -> tuple[Run, ...]:
    """Return the runs of a group, seed by seed, so that a group cut short holds whole pairs."""
    rates = {arm: best_rate(arm, options.get("steps", 1200), options.get("width", WIDTH)) for arm in arms}
    return tuple(Run(arm=arm, lr=lr, seed=seed, **options) for seed, (arm, lr) in product(seeds, rates.items()))


def _tried(arms: Iterable[str], rates: Iterable[float], **options: Any) -> tuple[Run, ...]:
    """Return the runs by which an arm's rate is chosen."""
    return tuple(Run(arm=arm, lr=lr, seed=seed, **options) for seed, lr, arm in product(CHOOSING, rates, arms))


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
    "zeros-rates": _tried(("zeros",), RATES),
    "own-rates": _tried(("own",), RATES),
    "repeated": _runs(("base", "lime"), REPEATED, steps=2400),
    "own": _runs(("own",), SEEDS),
    "own-fresh": _runs(("base", "own", "lime"), FRESH),
    "random": (*_tried(("random",), RATES), *_runs(("random",), SEEDS)),
    "hyper-static": (*_tried(("hyper-static",), RATES), *_runs(("hyper-static",), SEEDS)),
    "five": _runs(("base", "lime"), SEEDS, operands=5, steps=2400),
    "wide-24": _runs(("base", "lime"), SEEDS, width=24),
    "wide-32": (*_tried(("base", "lime"), RATES, width=32), *_runs(("base", "lime"), SEEDS, width=32)),
    "five-rates": _tried(("base", "lime"), RATES, operands=5, steps=2400),
    "wide-24-rates": _tried(("base", "lime"), RATES, width=24),
}


def config_of(run: Run) -> DecoderConfig:
    """Return the config of a run's model."""
    sizes = {
        "vocab": tokenizer().vocab_size,
        "width": run.width,
        "depth": run.depth,
        "heads": HEADS,
        "ffn": round(8 * run.width / 3),
        "context": row_length(run.operands),
        "rope_theta": 1000.0,
        "tie": False,
        "init_std": run.width**-0.5,
    }
    if run.arm in RIVALS:
        return RIVALS[run.arm](**sizes)
    return DecoderConfig(**sizes) if run.arm == "base" else LIMe(**sizes, **ARMS[run.arm])


def first_weights(run: Run) -> Decoder:
    """Return the untrained model of a run; all arms of one seed share every weight that the baseline has."""
    base = config_of(Run(**{**asdict(run), "arm": "base"})).build(run.seed)
    if run.arm == "base":
        return base
    model = config_of(run).build(run.seed)
    model.load_state_dict(base.state_dict(), strict=False)
    return model


def train(run: Run) -> tuple[Decoder, dict[str, Any]]:
    """Return a run's trained model and what was seen: loss and share solved on held-out expressions, by step."""
    data = expressions(run.operands, run.steps * BATCH, run.seed)
    ids_NL = torch.from_numpy(data.ids)
    watched = held_out(run.operands, WATCHED, WATCH_SEED)
    model = first_weights(run)
    curve = [score(model, watched)]

    def loss_at(model: Decoder, step: int) -> Tensor:
        return working_loss(model, ids_NL[(step - 1) * BATCH : step * BATCH], data.start)

    def watch(step: int, loss: float) -> None:
        if step % EVERY == 0:
            curve.append(score(model, watched))

    settings = Fit(
        steps=run.steps, lr=run.lr, warmup=min(100, run.steps), betas=(0.9, 0.95), weight_decay=0.1, scales=SCALES
    )
    fitted = fit(model, loss_at, settings, watch=watch)
    loss, solved = score(model, held_out(run.operands, TESTED, TEST_SEED))
    return model, {
        "loss": round(loss, 5),
        "solved": solved,
        "losses": [round(one, 4) for one, _ in curve],
        "shares": [one for _, one in curve],
        "seconds": round(fitted.seconds, 1),
        "diverged": fitted.diverged,
    }


def made(run: Run) -> dict[str, Any]:
    """Return what a run found, training it first if it is not in the table; its weights are kept beside the table."""
    return Runs(TABLE).do(asdict(run), lambda: _make(**asdict(run)))


def _make(**settings: Any) -> dict[str, Any]:
    run = Run(**settings)
    model, found = train(run)
    save(model, weights_of(run))
    return found


def weights_of(run: Run) -> Path:
    """Return the folder of a run's weights."""
    return WEIGHTS / "-".join(f"{value}" for value in asdict(run).values())


SHIPPED = {"lime/baseline": "base", "lime/routed": "lime"}


def ship(seed: int = CHOOSING[0]) -> None:
    """Put the pair of one seed among the models that come with the course, in half precision, each with its card."""
    about = {
        "base": "works out expressions of four digits, modulo 10, step by step: the plain decoder",
        "lime": "the same decoder with LIMe's routers, from the same first weights and the same expressions",
    }
    for name, arm in SHIPPED.items():
        run = Run(arm=arm, lr=BEST[arm], seed=seed)
        found, model = made(run), load(weights_of(run))
        card = {
            "name": name,
            "about": about[arm],
            "tokenizer": "brackets",
            "steps": run.steps,
            "rows": run.steps * BATCH,
            "lr": run.lr,
            "seed": seed,
            "loss": found["loss"],
            "solved": found["solved"],
            "minutes": round(found["seconds"] / 60, 1),
            "defects": ["knows expressions of exactly four digits; on others it writes nonsense"],
        }
        ship_model(model, card)


@cache
def held_out(operands: int, count: int, seed: int) -> Expressions:
    """Return expressions that no model is trained on."""
    return expressions(operands, count, seed, held_out=True)


def working_loss(model: Decoder, ids_BL: Tensor, start: int) -> Tensor:
    """Return the mean loss over the working, in nats a token: everything after the first "="."""
    labels = ids_BL.clone()
    labels[:, : start + 1] = -100
    return next_token_loss(model(ids_BL).logits, labels)


@torch.no_grad()
def losses(model: nn.Module, rows: Expressions) -> tuple[Tensor, Tensor]:
    """Return for each row the mean loss over its working (nats a token) and whether it is right throughout, both [N].

    Every symbol right when fed the right ones before it means that greedy decoding writes exactly this working.
    """
    ids_NL = torch.from_numpy(rows.ids)
    logits = torch.cat([model(part).logits[:, rows.start : -1] for part in ids_NL.split(500)])
    wanted = ids_NL[:, rows.start + 1 :]
    loss_NL = nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
    return loss_NL.mean(1), (logits.argmax(-1) == wanted).all(1)


def score(model: Decoder, test: Expressions) -> tuple[float, float]:
    """Return the loss over the working (nats a token) and the share of expressions worked out without a slip."""
    loss_N, right_N = losses(model, test)
    return float(loss_N.mean()), float(right_N.double().mean())


def main() -> int:
    """Make the runs of the named groups, or of all; return 1 if time was up before. Several processes share them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="group", help=", ".join(GROUPS))
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no run after so many")
    asked = parser.parse_args()
    if strange := [name for name in asked.groups if name not in GROUPS]:
        raise unknown("group of runs", strange[0], GROUPS)
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    table, names = Runs(TABLE), asked.groups or GROUPS
    for run in share(table, (asdict(run) for name in names for run in GROUPS[name]), _make, minutes=asked.minutes):
        print({name: value for name, value in run.items() if name not in ("losses", "shares")}, flush=True)
    return int(any(table.find(**asdict(run)) is None for name in names for run in GROUPS[name]))


if __name__ == "__main__":
    raise SystemExit(main())

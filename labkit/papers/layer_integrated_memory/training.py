"""What is trained for lesson 09: one small decoder on arithmetic, and the same decoder with routers of several kinds.

    python -m labkit.papers.layer_integrated_memory.training            every run of the tables, resumable
    python -m labkit.papers.layer_integrated_memory.training choose     one group of them
    python -m labkit.papers.layer_integrated_memory.training ship       the pair that comes with the course

A run is (arm, operands, steps, lr, seed). Arms with one seed see the same expressions in the same order and start from
the same weights, but for the routers. Rates are chosen on seeds of their own (`CHOOSING`), the table uses others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from labkit.models import Decoder, DecoderConfig, next_token_loss
from labkit.training import Fit, Runs, fit

from .method import LIMe
from .task import Expressions, expressions, row_length, tokenizer

__all__ = ["ARMS", "Run", "config_of", "first_weights", "held_out", "score", "train"]

WIDTH, DEPTH, HEADS, FFN = 16, 4, 4, 43
BATCH, EVERY = 64, 100  # rows a step; steps between two looks at the held-out expressions
WATCHED, TESTED = 500, 2000  # rows looked at on the way and at the end
SCALES = {"routers": 10.0}  # the paper: routers learn ten times as fast and do not decay
WATCH_SEED, TEST_SEED = 1_000_001, 1_000_002

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


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: which arm, on how many operands, for how many steps, at which learning rate, with which seed."""

    arm: str
    lr: float
    seed: int
    operands: int = 4
    steps: int = 1200
    depth: int = DEPTH


def config_of(run: Run) -> DecoderConfig:
    """Return the config of a run's model."""
    sizes = {
        "vocab": tokenizer().vocab_size,
        "width": WIDTH,
        "depth": run.depth,
        "heads": HEADS,
        "ffn": FFN,
        "context": row_length(run.operands),
        "rope_theta": 1000.0,
        "tie": False,
        "init_std": WIDTH**-0.5,
    }
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
    model, curve = first_weights(run), [score(first_weights(run), watched)]

    def loss_at(model: Decoder, step: int) -> Tensor:
        return working_loss(model, ids_NL[(step - 1) * BATCH : step * BATCH], data.start)

    def watch(step: int, loss: float) -> None:
        if step % EVERY == 0:
            curve.append(score(model, watched))

    settings = Fit(
        steps=run.steps, lr=run.lr, warmup=100, betas=(0.9, 0.95), weight_decay=0.1, scales=SCALES if routed(model) else {}
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


def routed(model: Decoder) -> bool:
    """Say whether a model has router entries to learn."""
    return any("routers" in name for name, _ in model.named_parameters())


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
def score(model: Decoder, test: Expressions) -> tuple[float, float]:
    """Return the loss over the working (nats a token) and the share of expressions that are worked out without a slip.

    Every symbol right when fed the right ones before it means that greedy decoding writes exactly this working.
    """
    ids_NL = torch.from_numpy(test.ids)
    logits = torch.cat([model(part).logits for part in ids_NL.split(500)])
    said, wanted = logits[:, test.start : -1].argmax(-1), ids_NL[:, test.start + 1 :]
    loss = torch.nn.functional.cross_entropy(logits[:, test.start : -1].flatten(0, 1), wanted.flatten())
    return float(loss), float((said == wanted).all(1).float().mean())

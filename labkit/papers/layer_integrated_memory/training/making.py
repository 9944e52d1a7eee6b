"""One run: its config, first weights, training, scores, and the pair that comes with the course."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from labkit.models import Decoder, DecoderConfig, load, next_token_loss, save
from labkit.training import Fit, Runs, fit
from labkit.zoo import ship_model

from ..method import LIMe
from ..task import Expressions, expressions, row_length, tokenizer
from .groups import ARMS, BEST, CHOOSING, HEADS, RIVALS, Run

__all__ = [
    "BATCH",
    "EVERY",
    "SCALES",
    "TABLE",
    "TESTED",
    "WATCHED",
    "WEIGHTS",
    "config_of",
    "first_weights",
    "held_out",
    "losses",
    "made",
    "make_run",
    "score",
    "ship",
    "train",
    "weights_of",
]

TABLE, WEIGHTS = Path("runs/09/arithmetic.jsonl"), Path("runs/09/models")

BATCH, EVERY = 32, 100  # rows a step; steps between two looks at the held-out expressions
WATCHED, TESTED = 500, 2000  # unseen rows looked at on the way; others at the end
# LIMe's routers learn ten times as fast and do not decay, in both versions; the static weights of Hyper-Connections
# only do not decay.
SCALES = {"routers": 10.0, ".mixture": 10.0, ".static": 1.0}
WATCH_SEED, TEST_SEED = 1_000_001, 1_000_002


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
    return Runs(TABLE).do(asdict(run), lambda: make_run(**asdict(run)))


def make_run(**settings: Any) -> dict[str, Any]:
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

"""The entropy model, trained first and then frozen, and the threshold that makes patches of a wanted size."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from labkit import world, zoo
from labkit.base.errors import unknown
from labkit.base.files import write_atomically
from labkit.training import Fit, fit

from .. import task
from ..method.blocks import ByteWindow
from ..method.patching import calibrated
from .rows import batch_of, byte_rows, entropies_of, rows_loss

__all__ = ["CACHE", "ENTROPY", "SIZE", "entropy_model", "pool", "pool_entropies", "threshold", "train_entropy"]

ENTROPY = "blt/entropy"
POOL = 1600  # pages that arms are trained on
SIZE = 4.5  # bytes a patch, on average over these
CACHE = Path("runs/05")  # ignored by git


def train_entropy() -> None:
    """Train the entropy model on pages of its own and ship it: a byte transformer of two blocks, window 64."""
    rows = byte_rows(task.pages(3000, seed=1))
    model = ByteWindow(
        vocab=task.VOCAB, width=48, depth=2, heads=4, ffn=128, context=task.CONTEXT, window=64, tie=False, init_std=0.08
    ).build(0)
    settings = Fit(steps=1000, lr=6e-3, warmup=40)

    def loss_at(model: nn.Module, step: int) -> Tensor:
        return rows_loss(model, rows, batch_of(len(rows.ids), step, 0))

    found = fit(model, loss_at, settings)
    card = {
        "name": ENTROPY,
        "about": "says how hard each next byte is to foresee; its entropies cut the patches of blt/story",
        "tokenizer": "bytes",
        "world": world.VERSION,
        "steps": settings.steps,
        "lr": settings.lr,
        "seed": 0,
        "loss": round(found.last(), 4),
        "minutes": round(found.seconds / 60, 1),
        "defects": ["it knows the world's English and no other text"],
    }
    zoo.ship_model(model, card)
    rows, rounded = byte_rows(pool()), zoo.load(ENTROPY).model  # what readers load is rounded to half precision
    seen = [h[:length] for h, length in zip(entropies_of(rounded, rows), rows.lengths)]
    zoo.ship_model(model, card | {"thresholds": {f"{size:g}": calibrated(seen, size) for size in (SIZE, 2 * SIZE)}})


@cache
def entropy_model() -> nn.Module:
    """Return the frozen entropy model, as shipped."""
    return zoo.load(ENTROPY).model.requires_grad_(False)


def pool() -> list[str]:
    """Return the pages that arms are trained on."""
    return task.pages(POOL, seed=0)


@cache
def pool_entropies() -> np.ndarray:
    """Return the entropies of the pool [N, W], kept between runs."""
    path = CACHE / "entropies.npy"
    if not path.is_file():
        out = io.BytesIO()
        np.save(out, entropies_of(entropy_model(), byte_rows(pool())).astype(np.float32))
        write_atomically(path, out.getvalue())
    return np.load(path)


def threshold(size: float = SIZE) -> float:
    """Return the threshold in nats that makes patches of the training pages `size` bytes long: 4.5 or 9."""
    known = zoo.card_of(ENTROPY)["thresholds"]
    if f"{size:g}" not in known:
        raise unknown(
            "mean patch", f"{size:g}", known, do="calibrated(entropies, size) finds the threshold for another"
        )
    return float(known[f"{size:g}"])

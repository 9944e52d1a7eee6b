"""A short training, and the bits per byte of what came of it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from labkit.training import Fit, fit

from ..method.model import bits_per_byte
from .rows import Rows, batch_of, page_nats, rows_loss

__all__ = ["Data", "bits", "run"]

Data = tuple[Rows, Tensor | None]  # pages, and who starts a patch in them


def run(model: nn.Module, data: Data, lr: float, seed: int, steps: int, **settings: Any) -> dict[str, Any]:
    """Train a model on four pages a step, and return how that went."""
    rows, starts = data
    fitted = fit(
        model,
        lambda model, step: rows_loss(model, rows, batch_of(len(rows.ids), step, seed), starts),
        Fit(steps=steps, lr=lr, warmup=20, **settings),
    )
    losses = [round(x, 4) for x in fitted.loss[9::10]]
    return {"diverged": fitted.diverged, "seconds": round(fitted.seconds, 1), "steps": steps, "loss": losses}


def bits(model: nn.Module, data: Data) -> float:
    """Return the bits per byte of all pages together."""
    return round(bits_per_byte(sum(page_nats(model, *data)), sum(data[0].bytes)), 5)

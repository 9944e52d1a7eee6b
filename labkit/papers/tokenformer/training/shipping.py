"""The models that come with the lesson: the source, and two that grew from it, all of the choosing seed."""

from __future__ import annotations

from pathlib import Path

from labkit import models
from labkit.zoo import ship_model

from . import arms
from .choosing import CHOOSING, best_rate
from .running import place_of, runs

__all__ = ["SHIPPED", "ship"]

SHIPPED = {
    "tokenformer/source": ("source", "a TokenFormer of 36 tokens in each of q, k, v and o, trained from scratch"),
    "tokenformer/grown": (
        "zero-fixed",
        "tokenformer/source grown by 108 tokens with zero keys, tau kept, and trained on",
    ),
    "tokenformer/grown-random": ("random-live", "the same with random keys and a live tau, as in the released code"),
}


def ship(folder: str | Path = "runs/03") -> None:
    """Put the models among the shipped ones, each at the learning rate that was best for its arm."""
    for name, (arm, about) in SHIPPED.items():
        lr = best_rate(arm, runs(folder))
        found = runs(folder).find(arm=arm, lr=lr, seed=CHOOSING)
        card = {
            "name": name,
            "about": about,
            "tokenizer": "island-words",
            "recipe": f"labkit.papers.tokenformer.training, arm {arm}",
            "seed": CHOOSING,
            "lr": lr,
            "steps": found["steps"],
            "tokens": found["tokens"],
            "minutes": round(found["seconds"] / 60, 1),
            "loss": round(found["loss"], 4),
            "defects": ["Too small to keep track of who is where: it writes like the islands and is often wrong."],
        }
        start = arms.ARMS[arm].start
        if start:
            card["start"] = "tokenformer/source"
        ship_model(models.load(place_of(folder, arm, lr, CHOOSING)), card)

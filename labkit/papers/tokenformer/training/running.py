"""Train one arm with one seed at one rate, and keep what was found."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labkit import models
from labkit.base.errors import BadInput
from labkit.models import Decoder
from labkit.training import Fit, Runs, fit

from .. import task
from . import arms
from .arms import CHOOSING, ROWS, SOURCE_STEPS, Arm, stage_of

__all__ = ["best_rate", "make", "place_of", "runs", "train_arm", "validation_loss"]

SEEN = (0, 1, 2, 3, 5, 8, 12, 16, 20, 30, 40, 60, 80, 100, 120, 160, 200, 300, 400)


@torch.no_grad()
def validation_loss(model: Decoder, corpus: str, n: int = 64) -> float:
    """Return the mean loss in nats a token on `n` rows of a corpus that no model is trained on."""
    return float(model(held := _validation(corpus, n), labels=held).loss)


def _validation(corpus: str, n: int) -> Tensor:
    return task.rows(corpus, n, seed=0, split="valid")


def fit_of(arm: Arm, lr: float) -> Fit:
    """Return the loop's settings: AdamW as in the paper, 5% warm-up, cosine restarted at every stage."""
    last = 1.0 if arm.constant else 0.05
    return Fit(steps=arm.steps, lr=lr, warmup=arm.steps // 20, last_lr=last, betas=(0.9, 0.95), weight_decay=0.1)


def train_arm(model: Decoder, arm: Arm, lr: float, seed: int) -> dict[str, Any]:
    """Train `model` in place as one arm and return what was found: losses on both corpora, a curve, seconds."""
    # Two stages of one seed never read the same rows.
    data = task.rows(arm.corpus, arm.steps * ROWS, seed=seed + (10_000 if arm.start else 0))
    held = _validation(arm.corpus, 12)

    @torch.no_grad()
    def curve_loss() -> float:
        return round(float(model(held, labels=held).loss), 5)

    def loss_at(model: Decoder, step: int) -> Tensor:
        batch = data[(step - 1) * ROWS : step * ROWS]
        return model(batch, labels=batch).loss

    first = validation_loss(model, arm.corpus)
    curve = [[0, curve_loss()]]
    watched = {step for step in SEEN if arm.start} | set(range(100, arm.steps + 1, 100))
    fitted = fit(
        model,
        loss_at,
        fit_of(arm, lr),
        watch=lambda step, loss: curve.append([step, curve_loss()]) if step in watched else None,
    )
    losses = {corpus: validation_loss(model, corpus) for corpus in task.CORPORA}
    return {
        "first": first,
        "loss": losses[arm.corpus],
        "losses": losses,
        "curve": curve,
        "train": [round(x, 4) for x in fitted.loss[::10]],
        "params": sum(p.numel() for p in model.parameters()),
        "steps": arm.steps,
        "tokens": arm.steps * ROWS * task.LENGTH,
        "seconds": round(fitted.seconds, 1),
        "diverged": fitted.diverged,
    }


def runs(folder: str | Path = "runs/03") -> Runs:
    """Return the file of runs."""
    return Runs(Path(folder) / "growth.jsonl")


def best_rate(name: str, known: Runs) -> float:
    """Return the learning rate at which an arm had the lowest loss on the choosing seed."""
    tried = [run for run in known.where(arm=name, seed=CHOOSING) if not run["diverged"]]
    if not tried:
        raise BadInput(f"{name} has no learning rate yet.", do=f"run this with --rates --arms {name} first")
    return min(tried, key=lambda run: run["loss"])["lr"]


def make(name: str, lr: float, seed: int, folder: str | Path = "runs/03") -> dict[str, Any]:
    """Train one arm, its source first where it has one, unless that run is known; return what was found."""
    arm, known = arms.ARMS[name], runs(folder)
    place = place_of(folder, name, lr, seed)

    def train() -> dict[str, Any]:
        source = None
        if arm.start:
            rate = best_rate(arm.start, known)
            make(arm.start, rate, seed, folder)
            source = models.load(place_of(folder, arm.start, rate, seed))
        source_before = copy.deepcopy(source)  # an arm that does not grow trains the source itself
        model = arm.begin(source, seed)
        found = train_arm(model, arm, lr, seed)
        found["first_source"] = validation_loss(source_before, arm.corpus) if source_before else None
        models.save(model, place)
        own = stage_of(model.config, arm.steps).flops
        return found | {"flops": own, "source_flops": stage_of(source.config, SOURCE_STEPS).flops if source else 0}

    return known.do({"arm": name, "lr": lr, "seed": seed}, train)


def place_of(folder: str | Path, name: str, lr: float, seed: int) -> Path:
    return Path(folder) / "models" / f"{name}-{lr:g}-{seed}"

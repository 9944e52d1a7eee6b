"""Train one arm with one seed at one rate, and keep what was found."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labkit import models
from labkit.models import Decoder
from labkit.training import Fit, Runs, fit

from .. import task
from ..method import held_back
from . import arms
from .arms import ROWS, Arm, stage_of
from .choosing import best_rate

__all__ = ["make", "place_of", "runs", "train_arm", "validation_loss"]

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


def train_arm(model: Decoder, arm: Arm, lr: float, seed: int, source: Decoder | None = None) -> dict[str, Any]:
    """Train `model` in place as one arm and return what was found: losses on both corpora, a curve, seconds.

    source: the model it was grown from, whose rows are held back where the arm says so.
    """
    # Two stages of one seed never read the same rows.
    data = task.rows(arm.corpus, arm.steps * ROWS, seed=seed + 10_000 * _stages_before(arm))
    held = _validation(arm.corpus, 12)

    @torch.no_grad()
    def curve_loss() -> float:
        return round(float(model(held, labels=held).loss), 5)

    holding = ExitStack()  # from before the optimiser's step until after it

    def loss_at(model: Decoder, step: int) -> Tensor:
        if source is not None and arm.old_rate < 1:
            holding.enter_context(held_back(source, model, arm.old_rate))
        batch = data[(step - 1) * ROWS : step * ROWS]
        return model(batch, labels=batch).loss

    first = validation_loss(model, arm.corpus)
    curve = [[0, curve_loss()]]
    watched = {step for step in SEEN if arm.start} | set(range(100, arm.steps + 1, 100))

    def watch(step: int, loss: float) -> None:
        holding.close()
        if step in watched:
            curve.append([step, curve_loss()])

    fitted = fit(model, loss_at, fit_of(arm, lr), watch=watch)
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


def _stages_before(arm: Arm) -> int:
    return 1 + _stages_before(arms.ARMS[arm.start]) if arm.start else 0


def make(name: str, lr: float, seed: int, folder: str | Path = "runs/03") -> dict[str, Any]:
    """Train one arm, its source first where it has one, unless that run is known; return what was found."""
    arm, known = arms.ARMS[name], runs(folder)

    def train() -> dict[str, Any]:
        before, source = _source(arm, seed, folder)
        # An arm that does not grow trains a copy of the source.
        model = arm.begin(copy.deepcopy(source), seed)
        found = train_arm(model, arm, lr, seed, source)
        found["first_source"] = validation_loss(source, arm.corpus) if source else None
        models.save(model, place_of(folder, name, lr, seed))
        paid = before["flops"] + before["source_flops"] if before else 0
        return found | {"flops": stage_of(model.config, arm.steps).flops, "source_flops": paid}

    return known.do({"arm": name, "lr": lr, "seed": seed}, train)


def _source(arm: Arm, seed: int, folder: str | Path) -> tuple[dict[str, Any] | None, Decoder | None]:
    """Return the run an arm starts from and its model, trained again where only its numbers came along."""
    if arm.start is None:
        return None, None
    rate = best_rate(arm.start, runs(folder))
    run, place = make(arm.start, rate, seed, folder), place_of(folder, arm.start, rate, seed)
    if not place.is_dir():
        start = arms.ARMS[arm.start]
        _, older = _source(start, seed, folder)
        model = start.begin(copy.deepcopy(older), seed)
        train_arm(model, start, rate, seed, older)
        models.save(model, place)
    return run, models.load(place)


def place_of(folder: str | Path, name: str, lr: float, seed: int) -> Path:
    return Path(folder) / "models" / f"{name}-{lr:g}-{seed}"

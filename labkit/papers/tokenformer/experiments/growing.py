"""A trained model grows: what it says at once, and how it recovers.

Shapes: B rows, L tokens.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.anatomy import module_of
from labkit.base.errors import unknown
from labkit.measurements.estimate import Estimate, mean_over
from labkit.models import Decoder
from labkit.training import Fit, fit

from ..method import duplicate, grow, held_back

__all__ = [
    "GROWTH_WAYS",
    "GrowthCurve",
    "GrowthRecovery",
    "GrowthWay",
    "StepZero",
    "growth_curve",
    "recover",
    "row_losses",
    "step_zero",
]

SAME = 1e-4  # of a logit: rounding


@dataclass(frozen=True)
class GrowthWay:
    """One way to grow: what new keys are ("duplicate" repeats every token), what new values are, what τ does.

    old_rate: the share of the learning rate at which what was there before is trained afterwards (0: frozen).
    """

    keys: str = "zero"
    values: str = "random"
    tau: str = "fixed"
    old_rate: float = 1.0

    def grown(self, model: Decoder, n_new: int, seed: int = 0) -> Decoder:
        """Return the model with `n_new` more tokens; the model itself for 0. Duplicates carry differences that cancel.

        Raises `BadInput` where duplicates would not come out whole.
        """
        if n_new == 0:
            return model
        if self.keys == "duplicate":
            times, rest = divmod(model.config.tokens + n_new, model.config.tokens)
            return duplicate(model, times if not rest else 0, noise=0.5, seed=seed, tau=self.tau)
        return grow(model, n_new, keys=self.keys, values=self.values, tau=self.tau, seed=seed)


GROWTH_WAYS = {
    "zero keys, τ fixed": GrowthWay(),
    "zero keys, τ live": GrowthWay(tau="live"),
    "random keys, τ live": GrowthWay("random", tau="live"),
    "duplicates": GrowthWay("duplicate", "duplicate", "live"),
}


@dataclass(frozen=True)
class StepZero:
    """What growth does before any training, by way: loss in nats a token and the largest change of any logit.

    `losses` has one number for each row of text, `before` those of the model that was grown.
    """

    n_new: int
    before: tuple[float, ...]
    losses: Mapping[str, tuple[float, ...]]
    moved: Mapping[str, float]

    def change(self, way: str) -> Estimate:
        """Return the change of the loss over rows, with its interval."""
        if way not in self.losses:
            raise unknown("way to grow", way, self.losses)
        gaps = [after - before for after, before in zip(self.losses[way], self.before)]
        return mean_over(gaps, "texts", name=f"loss change, {way}", unit="nats a token", null=0.0)

    def table(self) -> str:
        """Return one line for each way."""
        lines = [f"{'new tokens: ' + str(self.n_new):<24}{'loss change':>14}{'largest logit change':>24}"]
        for way, moved in self.moved.items():
            lines.append(f"{way:<24}{self.change(way).value:>+14.4f}{moved:>24.2g}")
        return "\n".join(lines)


@torch.no_grad()
def row_losses(model: Decoder, rows_BL: Tensor) -> tuple[float, ...]:
    """Return the loss of every row, in nats a token [B]."""
    logits_BLV = model(rows_BL).logits[:, :-1]
    losses = F.cross_entropy(logits_BLV.transpose(1, 2), rows_BL[:, 1:], reduction="none")
    return tuple(losses.mean(1).tolist())


@torch.no_grad()
def step_zero(
    model: Decoder, rows_BL: Tensor, n_new: int, ways: Mapping[str, GrowthWay] = GROWTH_WAYS, seed: int = 0
) -> StepZero:
    """Grow a model in several ways and read `rows_BL` with each, untrained."""
    model = module_of(model)
    before = model(rows_BL).logits
    losses, moved = {}, {}
    for name, way in ways.items():
        grown = way.grown(model, n_new, seed)
        losses[name] = row_losses(grown, rows_BL)
        moved[name] = float((grown(rows_BL).logits - before).abs().max())
    return StepZero(n_new, row_losses(model, rows_BL), losses, moved)


@dataclass(frozen=True)
class GrowthCurve:
    """Loss right after growth, untrained, by number of new tokens, in nats a token; `before` is that of the model.

    moved: the largest change of any logit. blind: the loss of a guess that knows nothing.
    """

    way: GrowthWay
    n_new: tuple[int, ...]
    losses: tuple[float, ...]
    moved: tuple[float, ...]
    before: float
    blind: float

    def table(self) -> str:
        """Return one line for each size."""
        rows = zip(self.n_new, self.losses, self.moved)
        lines = [f"{n:>10}{loss:>10.3f}{moved:>22.2g}" for n, loss, moved in rows]
        return "\n".join([f"{'new tokens':>10}{'loss':>10}{'largest logit change':>22}", *lines])


@torch.no_grad()
def growth_curve(model: Decoder, rows_BL: Tensor, way: GrowthWay, n_new: Sequence[int], seed: int = 0) -> GrowthCurve:
    """Grow a model one way to several sizes and read `rows_BL` with each, untrained."""
    model = module_of(model)
    before = model(rows_BL, labels=rows_BL)
    found = [way.grown(model, n, seed)(rows_BL, labels=rows_BL) for n in n_new]
    moved = tuple(float((one.logits - before.logits).abs().max()) for one in found)
    losses = tuple(float(one.loss) for one in found)
    return GrowthCurve(way, tuple(n_new), losses, moved, float(before.loss), math.log(model.config.vocab))


@dataclass(frozen=True)
class GrowthRecovery:
    """Loss on held-out rows by step of training after growth, in nats a token; step 0 is right after growth.

    before: the loss of the model that was grown. other, other_before: the same on rows of another corpus, after the
    last step and before growth, where such rows were given. title: what a picture of it is called.
    """

    before: float
    steps: tuple[int, ...]
    losses: Mapping[str, tuple[float, ...]]
    other: Mapping[str, float] = field(default_factory=dict)
    other_before: float = math.nan
    title: str = "The first steps after growth"

    def bump(self, name: str) -> float:
        """Return how far the loss rose at most above that of the model before."""
        return max(self.losses[name]) - self.before

    def forgotten(self, name: str) -> float:
        """Return by how much the loss on the other corpus rose, in nats a token."""
        if name not in self.other:
            raise unknown("way read on another corpus", name, self.other)
        return self.other[name] - self.other_before

    def back_at(self, name: str) -> int | None:
        """Return the first step, after the highest loss, at which the loss is no higher than before growth."""
        worst = self.losses[name].index(max(self.losses[name]))
        later = zip(self.steps[worst:], self.losses[name][worst:])
        return next((step for step, loss in later if loss <= self.before), None)

    def table(self) -> str:
        """Return one line for each way."""
        told = "   forgotten" if self.other else "   back at step"
        lines = [f"{'':<24}{'step 0':>9}{'highest':>9}{'last':>9}{told}"]
        for name, losses in self.losses.items():
            shown = "".join(f"{loss - self.before:>+9.3f}" for loss in (losses[0], max(losses), losses[-1]))
            back = "not yet" if self.back_at(name) is None else self.back_at(name)
            lines.append(f"{name:<24}{shown}   " + (f"{self.forgotten(name):>+9.3f}" if self.other else f"{back}"))
        return "\n".join(lines)


def recover(
    model: Decoder,
    train_BL: Tensor,
    held_BL: Tensor,
    n_new: int,
    ways: Mapping[str, GrowthWay | None] = GROWTH_WAYS,
    *,
    steps: int = 60,
    lr: float = 4e-3,
    every: int = 3,
    seed: int = 0,
    other_BL: Tensor | None = None,
) -> GrowthRecovery:
    """Grow copies of a model, train each for some steps, and return their losses on held-out rows.

    The way None is the control: the model as it is, trained by the same restarted schedule. Every copy reads the
    same rows in the same order. The learning rate is warmed up over 5% of the steps, as in the paper, and then kept.
    other_BL: rows of the corpus the model was trained on, where `train_BL` is of a new one; they are read at the end.
    """
    model = module_of(model)
    batch = max(1, len(train_BL) // steps)
    settings = Fit(steps=steps, lr=lr, warmup=max(1, steps // 20), last_lr=1.0, betas=(0.9, 0.95), weight_decay=0.1)
    seen = [0, *(step for step in range(1, steps + 1) if step % every == 0 or step == steps)]
    losses, other = {}, {}
    for name, way in ways.items():
        grown = copy.deepcopy(model) if way is None or n_new == 0 else way.grown(model, n_new, seed)
        old_rate = 1.0 if way is None else way.old_rate
        losses[name] = _train(grown, model, old_rate, train_BL, held_BL, settings, batch, seen)
        if other_BL is not None:
            other[name] = _mean(grown, other_BL)
    before = math.nan if other_BL is None else _mean(model, other_BL)
    return GrowthRecovery(_mean(model, held_BL), tuple(seen), losses, other, before)


def _train(
    grown: Decoder,
    old: Decoder,
    old_rate: float,
    train_BL: Tensor,
    held_BL: Tensor,
    settings: Fit,
    batch: int,
    seen: Sequence[int],
) -> tuple[float, ...]:
    """Train `grown` in place, what it has from `old` at a share of the rate; return its losses at the steps seen."""
    found = [_mean(grown, held_BL)]
    holding = ExitStack()  # from before the optimiser's step until after it

    def loss_at(trained: Decoder, step: int) -> Tensor:
        if old_rate != 1:
            holding.enter_context(held_back(old, trained, old_rate))
        rows = train_BL[(step - 1) * batch : step * batch]
        return trained(rows, labels=rows).loss

    def watch(step: int, loss: float) -> None:
        holding.close()
        if step in seen:
            found.append(_mean(grown, held_BL))

    fit(grown, loss_at, settings, watch=watch)
    return tuple(found)


@torch.no_grad()
def _mean(model: Decoder, rows_BL: Tensor) -> float:
    return float(model(rows_BL, labels=rows_BL).loss)

"""λ surgery: a trained DIFF Transformer with another λ than it learned. Lesson: 04."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.interventions import edit

from ..method.edits import HeadNormOff, SetLambda, diff_attention
from ..task import Batch
from .allocation import place_marks, question_maps
from .retrieval import Found, find_needles

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["LAMBDAS", "LambdaData", "Surgery", "operate_on_lambda", "weights_by_place"]

LAMBDAS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.2, 0.5, 0.8, 1.0, 1.5)


@dataclass(frozen=True)
class Surgery:
    """What a model finds with its own λ and with each of several others; `norm` tells whether the head norm was on."""

    own: float
    intact: Found
    values: tuple[float, ...]
    found: tuple[Found, ...]
    norm: bool = True

    def accuracies(self) -> list[float]:
        """Return the share of right answers for each value."""
        return [one.accuracy.value for one in self.found]

    def table(self) -> str:
        """Return accuracy and loss by λ as text."""
        rows = [
            (f"{self.own:.2f} (its own)", self.intact),
            *((f"{v:.2f}", one) for v, one in zip(self.values, self.found)),
        ]
        return "\n".join(
            [f"{'λ':>15} {'right':>7} {'nats':>7}"]
            + [f"{name:>15} {one.accuracy.value:7.3f} {one.loss.value:7.3f}" for name, one in rows]
        )


def operate_on_lambda(
    model: ModelLike, batch: Batch, values: Sequence[float] = LAMBDAS, *, norm: bool = True, layer: int = 0
) -> Surgery:
    """Return what `model` finds at each λ of `values` in one layer; the model is afterwards what it was.

    norm: whether the head norm stays on. Its fixed factor and its gain stay in any case. Raises `BadInput` for a model
    without λ, and for a λ that is no finite number.
    """
    own = diff_attention(model, layer).lam().item()
    intact = find_needles(model, batch)
    found = []
    with nullcontext() if norm else edit(model, HeadNormOff(layer)):
        for value in values:
            with edit(model, SetLambda(value, layer)):
                found.append(find_needles(model, batch))
    return Surgery(own, intact, tuple(values), tuple(found), norm)


@dataclass(frozen=True)
class LambdaData:
    """The λ in use and the learned one; right answers and loss before and now; weight by place [map][place]."""

    lam: float
    own: float
    norm: bool
    right: tuple[float, float]
    nats: tuple[float, float]
    weights: tuple[tuple[float, ...], ...]


def weights_by_place(model: ModelLike, batch: Batch) -> tuple[tuple[float, ...], ...]:
    """Return the weight at each of `PLACES` in A1, A2 and what is used, mean over heads, questions and texts."""
    with torch.no_grad():
        marks = place_marks(batch)
        maps = question_maps(model, batch)
        return tuple(tuple(float((one * mark).sum(-1).mean()) for mark in marks) for one in maps)

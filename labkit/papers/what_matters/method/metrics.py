"""Metrics of redundancy: from a model and documents to one score per part, low where a part seems not to be needed.

Cosine              1 - cos(x, y) of the stream before and after, averaged over tokens (eqs. 3 to 6): S in [0, 2]
  residual=False    of what the sub-layer reads (after its norm) and what it returns: the version that fails
  skip=1            without the first token of each text, where one huge channel can make any cosine 1
RelativeMagnitude   |f(x)| / |x + f(x)| (Samragh et al. 2023; Table 7 of the paper)
ReverseOrder        the deepest first: what a score must beat
RandomOrder         what any order must beat; draw several seeds

The loss without each part in turn, which these stand in for, is `labkit.sweeps.LeaveOneOut`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from torch import Tensor

from labkit.anatomy import anatomy_of
from labkit.base.errors import BadInput
from labkit.measurements.estimate import Estimate
from labkit.measurements.layer_scores import LayerScores, scores_of
from labkit.measurements.runs import checked_documents, text_hash

from .stream import PARTS, Change, token_scores

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Cosine", "Metric", "RandomOrder", "RelativeMagnitude", "ReverseOrder", "turn"]


class Metric(Protocol):
    """What strategies need to know of a metric."""

    def __call__(self, model: ModelLike, documents: Sequence) -> LayerScores:
        """Return the score of every part of the model as it is now, edits included."""


@dataclass(frozen=True)
class Cosine:
    """1 - cosine similarity, per token, averaged; `residual=False` leaves the stream out, `skip` the first tokens."""

    residual: bool = True
    skip: int = 0

    @property
    def name(self) -> str:
        """Name, for tables."""
        without = (not self.residual, "without residual"), (self.skip == 1, "without the first token")
        without = (*without, (self.skip > 1, f"without the first {self.skip} tokens"))
        return ", ".join(["1 - cosine", *(said for holds, said in without if holds)])

    def rule(self, change: Change) -> Tensor | None:
        """Return the score of each token [B, L]."""
        x, y = (change.before, change.after) if self.residual else (change.read, change.returned)
        return None if x is None else turn(x, y)

    def __call__(self, model: ModelLike, documents: Sequence, seed: int = 0) -> LayerScores:
        return _scored(model, documents, self, self.skip, seed, inside=not self.residual)


@dataclass(frozen=True)
class RelativeMagnitude:
    """The length of what a part adds, over the length of the stream after it."""

    skip: int = 0
    name = "relative magnitude"

    def rule(self, change: Change) -> Tensor:
        """Return the score of each token [B, L]."""
        x, y = change.before.double(), change.after.double()
        return (y - x).norm(dim=-1) / y.norm(dim=-1).clamp_min(1e-300)

    def __call__(self, model: ModelLike, documents: Sequence, seed: int = 0) -> LayerScores:
        return _scored(model, documents, self, self.skip, seed)


@dataclass(frozen=True)
class ReverseOrder:
    """The deepest part is the first to go; reads no text."""

    def __call__(self, model: ModelLike, documents: Sequence = ()) -> LayerScores:
        depth = anatomy_of(model).depth
        return _ordered(model, "reverse order", {(part, i): depth - 1 - i for part in PARTS for i in range(depth)})


@dataclass(frozen=True)
class RandomOrder:
    """An order drawn with `seed`; reads no text."""

    seed: int = 0

    def __call__(self, model: ModelLike, documents: Sequence = ()) -> LayerScores:
        keys = [(part, layer) for part in PARTS for layer in range(anatomy_of(model).depth)]
        drawn = np.random.default_rng(self.seed).permutation(len(keys))
        return _ordered(model, f"random order {self.seed}", dict(zip(keys, drawn.tolist())))


def turn(x: Tensor, y: Tensor) -> Tensor:
    """Return 1 - cos(x, y) over the last axis, in float64 and within 0 and 2; 0 where both vectors are 0.

    Half the squared distance of the two unit vectors, which keeps its digits where 1 - cos loses them.
    """
    x, y = (v.double() / v.double().norm(dim=-1, keepdim=True).clamp_min(1e-300) for v in (x, y))
    return (0.5 * (x - y).square().sum(dim=-1)).clamp(0.0, 2.0)


def _scored(
    model: ModelLike, documents: Sequence, metric: Any, skip: int, seed: int, inside: bool = False
) -> LayerScores:
    if isinstance(skip, bool) or not isinstance(skip, int) or skip < 0:
        raise BadInput(f"skip = {skip!r} tokens.", expected="a whole number of at least 0")
    checked = checked_documents(model, documents, shortest=skip + 1)
    found = token_scores(model, checked, metric.rule, inside=inside)
    means = {key: [float(values_L[skip:].mean()) for values_L in rows] for key, rows in found.items()}
    weights = [len(ids) - skip for ids in checked]
    depth, text = anatomy_of(model).depth, text_hash(checked)
    return scores_of(means, weights, depth, metric=metric.name, unit="", text=text, seed=seed)


def _ordered(model: ModelLike, name: str, ranks: dict[tuple[str, int], int]) -> LayerScores:
    def line(part: str) -> tuple[Estimate | None, ...]:
        there = [part == "block" or getattr(block, part) is not None for block in anatomy_of(model).blocks]
        return tuple(
            Estimate(name=f"{name} of {part} {i}", value=float(ranks[part, i]), low=math.nan, high=math.nan, n=1,
                     over="orders", unit="rank", per_unit=(float(ranks[part, i]),)) if held else None
            for i, held in enumerate(there)
        )  # fmt: skip

    lines = {part: line(part) for part in PARTS}
    return LayerScores(metric=name, unit="rank", text="", **lines)

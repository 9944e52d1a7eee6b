"""One score per attention, MLP and block, with intervals; and several of them side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from labkit.base.errors import BadInput, unknown
from labkit.base.results import Result

from .estimate import Estimate, mean_over
from .tables import text_table

__all__ = ["LayerScores", "ScoreMap", "scores_of"]

Line = tuple["Estimate | None", ...]


@dataclass(frozen=True, kw_only=True)
class LayerScores(Result):
    """What a metric says of every part: low is redundant. None stands where a layer has no such part, or no score.

    attention, mlp, block: one estimate per layer, each keeping its value per document. text: hash of the documents.
    """

    metric: str
    unit: str
    text: str
    attention: Line
    mlp: Line
    block: Line

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.block)

    def of(self, part: str) -> Line:
        """Return the estimates of "attention", "mlp" or "block" by layer."""
        if part not in ("attention", "mlp", "block"):
            raise unknown("part", part, ("attention", "mlp", "block"))
        return getattr(self, part)

    def ranked(self, part: str) -> tuple[tuple[str, int], ...]:
        """Return (part, layer) by rising score; "joint" ranks attention and MLP in one list. Ties: the lower layer."""
        kinds = ("attention", "mlp") if part == "joint" else (part,)
        scored = [
            (estimate.value, layer, order, kind)
            for order, kind in enumerate(kinds)
            for layer, estimate in enumerate(self.of(kind))
            if estimate is not None
        ]
        return tuple((kind, layer) for _, layer, _, kind in sorted(scored))

    def first(self, n: int, seed: int = 0) -> LayerScores:
        """Return the scores on the first `n` documents alone, from the values that were kept."""
        held = next((one.n for line in (self.attention, self.mlp, self.block) for one in line if one), 0)
        if not 1 <= n <= held:
            raise BadInput(f"There are no {n} documents.", expected=f"1 to {held}")
        fewer: dict[str, Any] = {
            part: tuple(_first(one, n, seed) for one in self.of(part)) for part in ("attention", "mlp", "block")
        }
        return replace(self, **fewer, text=f"{self.text}, the first {n}")

    def table(self) -> str:
        """Return one line per layer."""
        rows = [
            [str(layer), *map(_cell, cells)] for layer, cells in enumerate(zip(self.attention, self.mlp, self.block))
        ]
        n = max((one.n for line in (self.attention, self.mlp, self.block) for one in line if one), default=0)
        return text_table(["layer", "attention", "MLP", "block"], rows, title=f"{self.metric} (n = {n})")


@dataclass(frozen=True, kw_only=True)
class ScoreMap:
    """The scores of one part in several rows: kinds of text, numbers of samples, steps of training.

    title: what is asked. part: whose scores. names: one per row; scores: of equally deep models. by_rank: shade each
    cell by its place in its row instead of its size.
    """

    title: str
    part: str
    names: tuple[str, ...]
    scores: tuple[LayerScores, ...]
    by_rank: bool = False

    def __post_init__(self) -> None:
        if not self.names or len(self.names) != len(self.scores) or len({one.depth for one in self.scores}) > 1:
            raise BadInput(
                f"{len(self.names)} names and scores of {[one.depth for one in self.scores]} layers make no map.",
                expected="one name per row, and rows of one depth",
            )
        for one in self.scores:
            one.of(self.part)

    @property
    def values(self) -> tuple[tuple[float | None, ...], ...]:
        """The scores, row by row."""
        rows = (scores.of(self.part) for scores in self.scores)
        return tuple(tuple(None if one is None else one.value for one in row) for row in rows)

    def table(self) -> str:
        """Return one line per row."""
        rows = [[name, *map(_cell, scores.of(self.part))] for name, scores in zip(self.names, self.scores)]
        return text_table([self.part, *map(str, range(self.scores[0].depth))], rows, title=self.title)


def scores_of(
    found: Mapping[tuple[str, int], list],
    weights: list[int],
    depth: int,
    *,
    metric: str,
    unit: str,
    text: str,
    seed: int,
) -> LayerScores:
    """Return `LayerScores` from one number per document for each (part, layer)."""

    def line(part: str) -> Line:
        keys = [(part, layer) for layer in range(depth)]
        return tuple(
            mean_over(found[key], weights=weights, seed=seed, name=f"{metric} of {part} {key[1]}", unit=unit)
            if key in found
            else None
            for key in keys
        )

    return LayerScores(
        metric=metric, unit=unit, text=text, attention=line("attention"), mlp=line("mlp"), block=line("block")
    )


def _first(estimate: Estimate | None, n: int, seed: int) -> Estimate | None:
    if estimate is None:
        return None
    about = {name: getattr(estimate, name) for name in ("name", "unit", "null", "level")}
    weights = estimate.weights[:n] or None
    return mean_over(estimate.per_unit[:n], estimate.over, weights=weights, seed=seed, **about)


def _cell(estimate: Estimate | None) -> str:
    return "none" if estimate is None else f"{estimate.value:.4g}"

"""Where in a text a part turns the stream: its score at each position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.base.errors import BadInput, unknown
from labkit.base.results import Result
from labkit.measurements.estimate import bootstrap_interval
from labkit.measurements.runs import checked_documents, text_hash
from labkit.measurements.tables import text_table

from .metrics import Cosine
from .stream import PARTS, token_scores

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["PositionScores", "position_scores"]

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class PositionScores(Result):
    """Scores of one part by layer and position: `value[k][t]` in layer `layers[k]` at token t, `low` to `high` over n
    documents."""

    metric: str
    part: str
    text: str
    layers: tuple[int, ...]
    value: Rows
    low: Rows
    high: Rows
    n: int

    @property
    def length(self) -> int:
        """The number of positions."""
        return len(self.value[0])

    def table(self) -> str:
        """Return one line per layer."""
        rows = [[str(layer), *(f"{value:.3g}" for value in row)] for layer, row in zip(self.layers, self.value)]
        headings = [self.part, *map(str, range(self.length))]
        return text_table(headings, rows, title=f"{self.metric} by position, means over {self.n} documents")


def position_scores(
    model: ModelLike,
    documents: Sequence,
    part: str = "attention",
    metric: Any = None,
    *,
    length: int | None = None,
    seed: int = 0,
) -> PositionScores:
    """Return the score of one part in every layer at the first `length` positions (default: the shortest text's).

    metric: `Cosine()` or another with a `rule` for tokens. Raises `BadInput` for a text shorter than `length`.
    """
    metric = metric or Cosine()
    if part not in PARTS:
        raise unknown("part", part, PARTS)
    if not hasattr(metric, "rule"):
        raise BadInput(f"{metric} says nothing of single tokens.", expected="a metric such as Cosine()")
    checked = checked_documents(model, documents, shortest=length or 1)
    length = length or min(map(len, checked))
    found = token_scores(model, checked, metric.rule, inside=not getattr(metric, "residual", True))
    rows = {layer: found[part, layer] for kind, layer in found if kind == part}
    if not rows:
        raise BadInput(f"{metric.name} has no score of a {part}.", do="choose another part or metric")
    values_UNL = np.array([[rows[layer][u][:length] for layer in rows] for u in range(len(checked))])
    low, high = bootstrap_interval(values_UNL.reshape(len(checked), -1), np.ones(len(checked)), seed=seed)
    shape = values_UNL.shape[1:]
    return PositionScores(
        metric=metric.name,
        part=part,
        text=text_hash(checked),
        layers=tuple(rows),
        value=_rows(values_UNL.mean(axis=0)),
        low=_rows(np.asarray(low).reshape(shape)),
        high=_rows(np.asarray(high).reshape(shape)),
        n=len(checked),
    )


def _rows(values: np.ndarray) -> Rows:
    return tuple(tuple(row) for row in values.tolist())

"""What the truth panel is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.panels.stored import estimate_of, summary

if TYPE_CHECKING:
    from labkit.measurements import Agreement
    from labkit.measurements.layer_scores import LayerScores

__all__ = [
    "METRICS",
    "ScoreVsAblationData",
    "ScoreVsAblationRun",
    "ScoreVsAblationState",
    "kept_scores",
    "scores_from",
]

# What a reader chooses from: the class in labkit.papers.what_matters that computes it, and its options.
METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "cosine": ("Cosine", {}),
    "without first token": ("Cosine", {"skip": 1}),
    "without residual": ("Cosine", {"residual": False}),
    "relative magnitude": ("RelativeMagnitude", {}),
    "reverse order": ("ReverseOrder", {}),
    "random order": ("RandomOrder", {"seed": 0}),
}
PARTS = {"attention and MLP": "joint", "attention": "attention", "MLP": "mlp", "whole blocks": "block"}
NAMES = {"attention": "attention", "mlp": "MLP", "block": "block"}


@dataclass(frozen=True)
class ScoreVsAblationState:
    """Which metric is held against the truth, and of which parts."""

    metric: str = "cosine"
    part: str = "joint"


@dataclass(frozen=True)
class ScoreVsAblationRun:
    """Scores by metric, and the truth: the rise in loss without each part in turn (nats a token, over documents)."""

    model: str
    scores: Mapping[str, LayerScores]
    truth: LayerScores

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the values per document."""
        scores = {name: kept_scores(one) for name, one in self.scores.items()}
        return {"model": self.model, "truth": kept_scores(self.truth)} | scores

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> ScoreVsAblationRun:
        """Return what `as_dict` gave."""
        scores = {name: scores_from(kept) for name, kept in table.items() if name not in ("model", "truth")}
        return cls(table["model"], scores, scores_from(table["truth"]))


@dataclass(frozen=True)
class ScoreVsAblationData:
    """One metric against the truth: the points with their rank correlation, and both sets of scores."""

    model: str
    metric: str
    part: str
    agreement: Agreement
    scores: LayerScores
    truth: LayerScores


def kept_scores(scores: LayerScores) -> dict[str, Any]:
    """Return scores as a small file keeps them."""
    lines = {part: [one and summary(one) for one in scores.of(part)] for part in NAMES}
    return {"metric": scores.metric, "unit": scores.unit, "text": scores.text, **lines}


def scores_from(table: Mapping[str, Any]) -> LayerScores:
    """Return what `kept_scores` gave."""
    from labkit.measurements.layer_scores import LayerScores

    about = {"unit": table["unit"], "over": "orders" if table["unit"] == "rank" else "documents"}
    lines = {
        part: tuple(
            row and estimate_of(row, name=f"{table['metric']} of {part} {layer}", **about)
            for layer, row in enumerate(table[part])
        )
        for part in NAMES
    }
    return LayerScores(metric=table["metric"], unit=table["unit"], text=table["text"], **lines)

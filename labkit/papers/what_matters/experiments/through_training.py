"""What the panel of training is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.measurements.estimate import Estimate
from labkit.panels.stored import estimate_of, summary

from .score_vs_ablation import kept_scores, scores_from

if TYPE_CHECKING:
    from labkit.measurements.layer_scores import LayerScores, ScoreMap

__all__ = ["MEASURES", "PARTS", "TrainingData", "TrainingRun", "TrainingState"]

MEASURES = {"score: 1 − cosine": "score", "rise in loss without it": "loss"}
PARTS = {"attention": "attention", "MLP": "mlp", "whole blocks": "block"}
NAMES = {"attention": "attention", "mlp": "MLP", "block": "block"}


@dataclass(frozen=True)
class TrainingState:
    """Which step of training is looked at, which parts, and what is asked of them."""

    step: int = 0
    part: str = "attention"
    measure: str = "score"


@dataclass(frozen=True)
class TrainingRun:
    """By step: the scores of every part, the loss without each in turn, and the loss of the whole model."""

    model: str
    steps: tuple[int, ...]
    scores: tuple[LayerScores, ...]
    truth: tuple[LayerScores, ...]
    loss: tuple[Estimate, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, one entry per step."""
        kept: dict[str, Any] = {"model": self.model}
        for step, scores, truth, loss in zip(self.steps, self.scores, self.truth, self.loss):
            kept[str(step)] = {"loss": summary(loss), "score": kept_scores(scores), "truth": kept_scores(truth)}
        return kept

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> TrainingRun:
        """Return what `as_dict` gave."""
        found = {int(step): kept for step, kept in table.items() if step != "model"}
        about = {"name": "loss", "unit": "nats/token", "over": "documents"}
        scores, truth = (tuple(scores_from(kept[name]) for kept in found.values()) for name in ("score", "truth"))
        losses = tuple(estimate_of(kept["loss"], **about) for kept in found.values())
        return cls(table["model"], tuple(found), scores, truth, losses)


@dataclass(frozen=True)
class TrainingData:
    """One kind of part at every kept step, with one step looked at."""

    step: int
    part: str
    measure: str
    run: TrainingRun

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that were kept."""
        return self.run.steps

    @property
    def place(self) -> int:
        """The place of the step that is looked at."""
        return self.steps.index(self.step)

    @property
    def values(self) -> tuple[tuple[float, ...], ...]:
        """The measure by step and layer."""
        return tuple(tuple(one.value for one in scores.of(self.part)) for scores in self._asked)

    @property
    def map(self) -> ScoreMap:
        """The same as a map that `labkit.figures.draw` draws."""
        from labkit.measurements.layer_scores import ScoreMap

        said = next(words for words, name in MEASURES.items() if name == self.measure)
        names = tuple(f"step {step:,}" for step in self.steps)
        return ScoreMap(title=said, part=self.part, names=names, scores=tuple(self._asked))

    @property
    def middle(self) -> range:
        """The layers between the first and the last; of fewer than three, all but the first."""
        depth = len(self.values[0])
        return range(1, max(2, depth - 1))

    def mean(self, part: str) -> tuple[float, ...]:
        """Return the mean over the middle layers, by step: the first and the last are far above them."""
        rows = [[scores.of(part)[layer].value for layer in self.middle] for scores in self._asked]
        return tuple(sum(row) / len(row) for row in rows)

    @property
    def _asked(self) -> tuple[LayerScores, ...]:
        return self.run.scores if self.measure == "score" else self.run.truth

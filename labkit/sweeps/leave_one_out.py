"""Leave one out: what losing each part really costs. The oracle that every score of redundancy stands in for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.anatomy import anatomy_of
from labkit.interventions import DropAttention, DropBlock, DropMLP, Edit
from labkit.measurements.layer_scores import LayerScores
from labkit.measurements.measures import Measure
from labkit.measurements.ranks import Agreement, agreement

from .result import Sweep
from .run import sweep

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["DROPS", "LeaveOneOut", "score_agreement"]

DROPS: dict[str, Any] = {"attention": DropAttention, "mlp": DropMLP, "block": DropBlock}


@dataclass(frozen=True)
class LeaveOneOut:
    """The change of a measure when one part is dropped; a metric as those that only look at the stream.

    parts: which kinds are dropped in turn; the others get no score.
    """

    measure: str | Measure = "loss"
    parts: tuple[str, ...] = ("attention", "mlp", "block")

    def __call__(self, model: ModelLike, documents: Sequence | None) -> LayerScores:
        anatomy = anatomy_of(model)
        edits: dict[tuple[str, int], Edit] = {
            (part, layer): DROPS[part](layer)
            for part in self.parts
            for layer, block in enumerate(anatomy.blocks)
            if part == "block" or getattr(block, part) is not None
        }
        # What a shrunk block has no more cannot be dropped with it.
        whole = {key: edit for key, edit in edits.items() if key[0] != "block" or _is_whole(anatomy.blocks[key[1]])}
        return self.of(sweep(model, whole.values(), documents, self.measure), anatomy.depth)

    @staticmethod
    def of(found: Sweep, depth: int) -> LayerScores:
        """Return the scores in a sweep that dropped parts one at a time."""
        changes = {}
        for point in found.points:
            (table,) = point.plan
            changes[table["kind"], table["layer"]] = point.change
        lines = {part: tuple(changes.get((drop.kind, layer)) for layer in range(depth)) for part, drop in DROPS.items()}
        return LayerScores(metric=f"leave one out, {found.measure}", unit=found.unit, text=found.text, **lines)


def score_agreement(scores: LayerScores, truth: LayerScores, part: str = "joint") -> Agreement:
    """Return how well a metric's order of the parts agrees with that of another, such as `LeaveOneOut`."""
    shared = [key for key in scores.ranked(part) if truth.of(key[0])[key[1]] is not None]
    return agreement(
        [scores.of(kind)[layer].value for kind, layer in shared],
        [truth.of(kind)[layer].value for kind, layer in shared],
        [f"{kind} {layer}" for kind, layer in shared],
        [kind for kind, _ in shared],
        guess_name=scores.metric,
        truth_name=truth.metric,
    )


def _is_whole(block: Any) -> bool:
    return block.attention is not None and block.mlp is not None

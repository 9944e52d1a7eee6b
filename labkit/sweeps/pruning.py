"""Leave one block out at a time: the pruning curve, and how many blocks are at work in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, proportion

from .result import Sweep

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["EffectiveDepth", "effective_depth", "pruning_curve"]

THRESHOLD = 0.01  # nats a token


@dataclass(frozen=True, kw_only=True)
class EffectiveDepth(Result):
    """The share of blocks whose removal costs more than `threshold`.

    share: over blocks, by the costs as measured. working, idle, unclear: blocks whose whole interval over documents
    lies above the threshold, not above it, or on both sides. per_half: the share among the first and the last half.
    """

    share: Estimate
    working: tuple[int, ...]
    idle: tuple[int, ...]
    unclear: tuple[int, ...]
    per_half: tuple[float, float]
    threshold: float
    unit: str

    def table(self) -> str:
        """Return what is at work in three lines."""
        return "\n".join(
            f"{name} ({len(blocks)}): {', '.join(map(str, blocks)) or 'none'}"
            for name, blocks in (
                (f"costs more than {self.threshold:g} {self.unit}", self.working),
                ("costs no more", self.idle),
                ("unclear", self.unclear),
            )
        )


def pruning_curve(model: ModelLike, documents: Sequence | None = None, measure: Any = "loss", **options: Any) -> Sweep:
    """Return the sweep that leaves out each block in turn; every other block keeps its own number ℓ.

    options: those of `sweep` (path, progress, cancel, …).
    """
    from .plans import every_block
    from .run import sweep

    return sweep(model, every_block(model), documents, measure, **options)


def effective_depth(curve: Sweep, threshold: float = THRESHOLD) -> EffectiveDepth:
    """Return how many blocks of a pruning curve cost more than `threshold`, in the unit of its measure.

    A cost that overflowed counts as more. Raises `BadInput` for a sweep of anything else than single whole blocks.
    """
    if not curve.finished or any([edit["kind"] for edit in plan] != ["drop_block"] for plan in curve.plans):
        raise BadInput(
            "This sweep is no pruning curve.", expected="a finished sweep that leaves out one block at a time"
        )
    changes = [point.change for point in curve.points]
    costly = [not change.value <= threshold for change in changes]
    working = [layer for layer, change in enumerate(changes) if change.low > threshold]
    idle = [layer for layer, change in enumerate(changes) if change.high <= threshold]
    middle = len(changes) // 2
    halves = (costly[:middle] or costly, costly[middle:])
    return EffectiveDepth(
        share=proportion([float(one) for one in costly], over="blocks", name="effective depth"),
        working=tuple(working),
        idle=tuple(idle),
        unclear=tuple(layer for layer in range(len(changes)) if layer not in {*working, *idle}),
        per_half=(sum(halves[0]) / len(halves[0]), sum(halves[1]) / len(halves[1])),
        threshold=threshold,
        unit=curve.unit,
    )

"""A trained model before and after its norms are scaled: the stream, what each block costs to lose, the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .block_runs import IDLE

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ScalingData", "ScalingLook"]


@dataclass(frozen=True)
class ScalingLook:
    """One model on a few texts: variance of the stream [N + 1], turn by and cost of each block [N], loss."""

    variance: tuple[float, ...]
    turns: tuple[float, ...]
    costs: tuple[float, ...]
    loss: float

    @classmethod
    def at(cls, model: ModelLike, documents: Sequence) -> ScalingLook:
        """Return the look at a model as it now is."""
        from labkit.sweeps import pruning_curve

        from .reading import read_stream

        variance, turns = read_stream(model, documents)
        curve = pruning_curve(model, documents, engine="plain")  # trying out what can be reused takes longer
        return cls(variance, turns, tuple(point.change.value for point in curve.points), curve.base.value)

    @property
    def idle(self) -> tuple[int, ...]:
        """The numbers ℓ of the blocks that cost no more than a hundredth of a nat."""
        return tuple(number for number, cost in enumerate(self.costs, start=1) if cost <= IDLE)


@dataclass(frozen=True)
class ScalingData:
    """The model as trained and as it is now; moved: the largest change of any logit; blind: loss of a blind guess."""

    switch: str
    p: float
    position: str
    trained: ScalingLook
    now: ScalingLook
    moved: float
    blind: float

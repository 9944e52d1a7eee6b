"""Is the noise of the two maps the same noise? Only what both maps share can be taken off. Lesson: 04."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.base.errors import BadInput
from labkit.measurements.estimate import Estimate, mean_over

from ..task import Batch
from .allocation import PLACES, place_marks, question_maps

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["SharedNoise", "shared_noise"]


@dataclass(frozen=True)
class SharedNoise:
    """By text, averaged over heads and questions: how alike A1 and A2 are over the noise words.

    alike: correlation of their weights over those words. factor: the λ that would leave least variance there, the slope
    of A1 over A2. weight_1, weight_2: what each map spends on noise.
    """

    alike: tuple[float, ...]
    factor: tuple[float, ...]
    weight_1: tuple[float, ...]
    weight_2: tuple[float, ...]

    @property
    def correlation(self) -> Estimate:
        """The mean correlation, with its interval over texts."""
        return mean_over(self.alike, over="texts", name="correlation of A1 and A2 over the noise words", null=0.0)

    @property
    def best_lambda(self) -> Estimate:
        """The mean λ that would leave least of the noise, with its interval over texts."""
        return mean_over(self.factor, over="texts", name="λ that would leave least noise")

    def table(self) -> str:
        """Return all of it as text, one line each, with intervals over texts."""
        rows = {
            "correlation of A1 and A2 over the noise words": self.alike,
            "λ that would leave least of that noise": self.factor,
            "weight of A1 on noise": self.weight_1,
            "weight of A2 on noise": self.weight_2,
        }
        found = {name: mean_over(values, over="texts") for name, values in rows.items()}
        lines = [f"{name:46} {one.value:5.2f}  [{one.low:.2f}, {one.high:.2f}]" for name, one in found.items()]
        return "\n".join(lines).replace("-0.00", " 0.00")


@torch.no_grad()
def shared_noise(model: ModelLike, batch: Batch) -> SharedNoise:
    """Return how much of their noise the two maps of a DIFF Transformer share; raise `BadInput` for one map alone."""
    maps = question_maps(model, batch)
    if len(maps) != 3:
        raise BadInput("This model has one map.", expected="a DIFF Transformer, which has two")
    noise = place_marks(batch)[PLACES.index("noise")]
    count = noise.sum(-1, keepdim=True)
    first, second = ((one * noise) for one in maps[:2])
    apart = [(one - one.sum(-1, keepdim=True) / count) * noise for one in (first, second)]
    cross = (apart[0] * apart[1]).sum(-1)
    sizes = [one.pow(2).sum(-1).clamp_min(1e-20) for one in apart]
    found = (cross / (sizes[0] * sizes[1]).sqrt(), cross / sizes[1], first.sum(-1), second.sum(-1))
    # The slope of a head whose second map has hardly any noise is huge and says nothing: the median of a text is kept.
    alike, slope, one, two = (value.flatten(1) for value in found)
    return SharedNoise(
        *(tuple(value.tolist()) for value in (alike.mean(1), slope.median(1).values, one.mean(1), two.mean(1)))
    )

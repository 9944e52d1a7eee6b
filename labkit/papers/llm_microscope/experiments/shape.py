"""Dimension and anisotropy of the cloud of states, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from labkit.measurements.tables import text_table

from ..method.dimension import KEPT, anisotropy, anisotropy_by_power, distinct, two_nn
from ..method.states import cloud_of

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Shape", "shape_by_level"]


@dataclass(frozen=True)
class Shape:
    """For every level: how many different points, the dimension by each rule, anisotropy exactly and by power."""

    model: str
    points: tuple[int, ...]
    dimension: dict[str, tuple[float, ...]]
    anisotropy: tuple[float, ...]
    by_power: tuple[float, ...]

    def table(self) -> str:
        """Return one row a level."""
        rows = [
            [str(level), str(points), *(f"{self.dimension[rule][level]:.1f}" for rule in self.dimension),
             f"{self.anisotropy[level]:.3f}"]
            for level, points in enumerate(self.points)
        ]  # fmt: skip
        return text_table(["level", "points", *self.dimension, "anisotropy"], rows, title=f"{self.model}: the cloud")


def shape_by_level(model: ModelLike, documents: Sequence[Any], *, most: int = 2000, seed: int = 0) -> Shape:
    """Return the shape of the cloud of all tokens at every level; `most` of them are drawn at random."""
    h_STD = cloud_of(model, documents).h_STD
    order = torch.randperm(h_STD.shape[1], generator=torch.Generator().manual_seed(seed))[:most]
    h_STD = h_STD[:, order]
    rules = (*KEPT, "mle")
    return Shape(
        model=getattr(model, "name", type(model).__name__),
        points=tuple(len(distinct(h_TD)) for h_TD in h_STD),
        dimension={rule: tuple(two_nn(h_TD, rule=rule) for h_TD in h_STD) for rule in rules},
        anisotropy=tuple(map(anisotropy, h_STD)),
        by_power=tuple(map(anisotropy_by_power, h_STD)),
    )

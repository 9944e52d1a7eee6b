"""Both maps of one question, over the words of its text. Lesson: 04."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.base.errors import BadInput

from ..task import Batch
from .allocation import PLACES, place_marks, question_maps

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["MapPair", "map_pair"]


@dataclass(frozen=True)
class MapPair:
    """A1 and A2 of one question in several models: name -> (A1, A2) over the words; where the answer stands."""

    maps: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    answer: int
    noise: Sequence[bool]


def map_pair(models: Mapping[str, ModelLike], batch: Batch) -> MapPair:
    """Return A1 and A2 of the first question of the first text over its words, mean over heads, for each model.

    Raises `BadInput` for a model with one map.
    """
    last, found = int(batch.rows[0]) + 1, {}
    for name, model in models.items():
        maps = question_maps(model, batch)
        if len(maps) != 3:
            raise BadInput("This model has one map.", expected="a DIFF Transformer, which has two")
        first, second, _ = (one[0, :, 0].mean(0)[:last].tolist() for one in maps)
        found[name] = (first, second)
    noise = place_marks(batch)[PLACES.index("noise"), 0, 0, 0, :last].bool().tolist()
    return MapPair(found, int(batch.places[0, 0]), noise)

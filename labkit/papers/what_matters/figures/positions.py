"""Where in a text a part seems to matter: scores by layer and position, as a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures.drawing import Drawing
from labkit.figures.layer_scores import PARTS, heat, tall

if TYPE_CHECKING:
    from ..method.positions import PositionScores

__all__ = ["DRAWINGS"]


def _paint_positions(scores: PositionScores, figure: FigureBase) -> None:
    title = f"Where in the text? {scores.metric} of {PARTS[scores.part][1]}"
    heat(figure, title, scores.value, [f"layer {layer}" for layer in scores.layers], "position", "score")


def _describe_positions(scores: PositionScores) -> str:
    value, row, place = max((v, r, t) for r, line in enumerate(scores.value) for t, v in enumerate(line))
    return (
        f"A map of {scores.part} scores by {scores.metric}, {len(scores.layers)} layers by {scores.length} positions, "
        f"means over {scores.n} documents. The highest, {number(value)}, is in layer {scores.layers[row]} at "
        f"position {place}."
    )


DRAWINGS = {"PositionScores": Drawing(_paint_positions, _describe_positions, lambda scores: tall(len(scores.layers)))}

"""From a result to its picture and its sentence, by the result's type.

Each drawing lives in a file of its own, which is imported with the first result it draws: reading a stored sweep
needs neither torch nor the drawings of what torch computes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from importlib import import_module
from typing import Any, NamedTuple

from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput
from labkit.base.papers import bring, brought

from .style import new_figure

__all__ = ["Drawing", "describe", "draw", "drawing_of"]


class Drawing(NamedTuple):
    """How one type of result is drawn: `paint(result, figure)` on an empty Figure or SubFigure, and in words."""

    paint: Callable[[Any, FigureBase], None]
    describe: Callable[[Any], str]
    size: Callable[[Any], tuple[float, float]] = lambda result: (8.6, 3.2)


# Where the drawing of a type lives, by the layer and name of the type: looked up when such a result first comes.
_HOMES = {
    ("labkit.measurements", "Estimate"): "estimates",
    ("labkit.measurements", "ResidualStats"): "residuals",
    ("labkit.measurements", "History"): "history",
    ("labkit.measurements", "CurveDifference"): "curves",
    ("labkit.training", "Curves"): "curves",
    ("labkit.measurements", "LayerProfile"): "profiles",
    ("labkit.measurements", "Vitals"): "vitals",
    ("labkit.measurements", "VitalsPair"): "vitals",
    ("labkit.sweeps", "Sweep"): "sweeps",
    ("labkit.measurements", "SpeedTest"): "speed",
    ("labkit.measurements", "LayerScores"): "layer_scores",
    ("labkit.measurements", "ScoreMap"): "layer_scores",
    ("labkit.measurements", "Agreement"): "layer_scores",
    ("labkit.claims", "Assessment"): "claims",
    ("labkit.claims", "Ledger"): "claims",
    ("labkit.figures", "Bars"): "plain",
    ("labkit.figures", "Comparison"): "comparison",
    ("labkit.figures", "Islands"): "islands",
    ("labkit.figures", "Lines"): "plain",
    ("labkit.figures", "NextWords"): "next_words",
    ("labkit.figures", "StreamMap"): "stream",
}


@singledispatch
def drawing_of(result: Any) -> Drawing:
    """Return the drawing of a result's type; `drawing_of.register(MyType)` adds one."""
    for base in type(result).__mro__:
        layer = ".".join(base.__module__.split(".")[:2])
        if (layer, base.__name__) in _HOMES:
            home = import_module(f"labkit.figures.{_HOMES[layer, base.__name__]}")
            return _registered(base, home.DRAWINGS[base.__name__])
        one, _ = brought("drawings").get(base.__name__, (None, ""))
        if one is not None and base.__module__.startswith(f"{one.package}."):
            return _registered(base, bring("drawings", base.__name__))
    raise BadInput(
        f"There is no drawing of a {type(result).__name__}.",
        expected="one of: " + ", ".join([*(name for _, name in _HOMES), *brought("drawings")]),
        do="labkit.figures.drawing_of.register(YourType) adds a drawing",
    )


def _registered(kind: type, drawing: Drawing) -> Drawing:
    drawing_of.register(kind, lambda result: drawing)
    return drawing


def draw(result: Any, figure: FigureBase | None = None) -> FigureBase:
    """Draw `result` on an empty Figure or SubFigure, a new one by default, and return it."""
    drawing = drawing_of(result)
    figure = new_figure(drawing.size(result)) if figure is None else figure
    drawing.paint(result, figure)
    return figure


def describe(result: Any) -> str:
    """Return in whole sentences what `draw(result)` shows: its text alternative."""
    return drawing_of(result).describe(result)
